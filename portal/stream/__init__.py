"""The event stream as a page: what comes in, what was refused, and the numbers of the last hour."""

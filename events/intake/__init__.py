"""From the bytes of a request to canonical events, or to the reason for a rejection. Pure: no framework here."""

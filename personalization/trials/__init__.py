"""Tries: what a draft rule, a persona or a past request would be answered, without a trace in the log."""

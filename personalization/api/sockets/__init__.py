"""Recommendations over WebSockets: the answer, then a new answer whenever the shopper's state changed it."""

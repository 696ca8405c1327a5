"""Recommending as a library. Knows no Django, no Redis and no other room of the house."""

"""Doors of consent and of privacy requests."""

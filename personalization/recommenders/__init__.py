"""Recommenders: one file each, one contract (`base`), one registry line, one behavior suite. Pure."""

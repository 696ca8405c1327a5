"""Traits: values computed from a shopper's history. Pure: one file for each trait, one line in the registry."""

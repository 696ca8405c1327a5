"""Traits: what can be said about a shopper from their history. Pure: one file a trait, one line in the registry."""

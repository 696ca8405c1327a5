"""Event types: one file a type, one line in the registry. Pure: no framework is imported here."""

"""Rule segments: conditions, how they are read from JSON, evaluated, and put into words. Pure."""

"""Open-source models that ours are compared with."""

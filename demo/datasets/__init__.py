"""Data sets for the demo shop, by name: the simulated shop, and real data."""

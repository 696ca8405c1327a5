"""Data the demo shop can be filled with, by name: the simulated shop, and real data sets."""

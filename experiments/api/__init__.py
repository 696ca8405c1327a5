"""Doors of experiments: the wires of GrowthBook's and OpenFeature's SDKs."""

"""Metrics: what is measured of each unit, and how it becomes one number for an arm. Pure."""

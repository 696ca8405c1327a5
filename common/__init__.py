"""Ground under every room: ids, clock, money, errors, the embedded services and the privacy registry.

Imports nothing of ours, holds no models, and names no other room.
"""

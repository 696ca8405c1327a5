"""Basics for every room: ids, clock, money, errors and the privacy registry.

Imports no other room, and holds no models.
"""

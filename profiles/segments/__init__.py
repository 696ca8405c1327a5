"""Segments: groups of shoppers by rules or by likeness. Pure: no Django, no Redis, no clock.

`rules` says who meets conditions, and when that can change by time alone. `online` finds groups in the traits and keeps
their identity while they move.
"""

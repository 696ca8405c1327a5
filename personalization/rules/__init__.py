"""Merchandising rules and the places of a slate: kinds, order, conflicts, caps, pins. Pure."""

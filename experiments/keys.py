"""Names of this room: its consumer of the log, its channels in Redis."""

from typing import Final

CONSUMER: Final = "experiments"
"""Counts what was recorded; its offsets say how far it is."""
CHANGED: Final = "v:experiment:changed"
"""A Redis channel (PUBLISH): the payload is the key of an experiment whose numbers changed, once they are committed.

A message is a hint. Who misses one reads the numbers at the next message or at its own tick.
"""

"""Sessions: runs of events of one shopper without a long pause."""

import numpy as np

from recsys.arrays import Bools, Ints, Longs, Times

SESSION_GAP = 1_800.0
"""Seconds without an event that end a session."""


def session_starts(users: Ints | Longs, times: Times) -> Bools:
    """Return bool[n]: which of the rows, sorted by shopper and then time, begin a session."""
    starts: Bools = (np.diff(users, prepend=-1) != 0) | (np.diff(times, prepend=-np.inf) > SESSION_GAP)
    return starts

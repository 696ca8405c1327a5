"""Sessions: consecutive events of one shopper without a long pause."""

import numpy as np

from recsys.arrays import Bools, Ints, Longs, Times

SESSION_GAP = 1_800.0
"""A pause of more seconds ends a session."""


def session_starts(users: Ints | Longs, times: Times) -> Bools:
    """Return bool[n]: which rows, sorted by shopper and then time, start a session."""
    starts: Bools = (np.diff(users, prepend=-1) != 0) | (np.diff(times, prepend=-np.inf) > SESSION_GAP)
    return starts

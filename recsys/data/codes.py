"""Encodes names as integer codes.

pandas does it on objects: NumPy's own text type pads every name to the longest, so one long name would cost gigabytes.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from recsys.arrays import Ints


def encode(names: Sequence[str]) -> tuple[Ints, tuple[str, ...]]:
    """Return int32[n], the code of each name, and the distinct names by code, in alphabetical order."""
    codes, distinct = pd.factorize(np.asarray(names, dtype=object))
    order = sorted(range(len(distinct)), key=distinct.__getitem__)
    rank = np.empty(len(distinct), np.int32)
    rank[order] = np.arange(len(distinct), dtype=np.int32)
    return rank[codes], tuple(distinct[at] for at in order)


def codes_of(names: Sequence[str], n: int) -> Ints:
    """Return int32[n]: the code of each name, in alphabetical order; -1 for an empty name, and without names."""
    if not names:
        return np.full(n, -1, np.int32)
    codes, distinct = encode(names)
    return codes - 1 if distinct[0] == "" else codes

"""Names as codes. NumPy's own text type pads every name to the longest: one long name would cost gigabytes."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from recsys.arrays import Ints


def coded(names: Sequence[str]) -> tuple[Ints, tuple[str, ...]]:
    """Return a code for each name, int32[n], and the distinct names: in the order of the alphabet, by code."""
    found, distinct = pd.factorize(np.asarray(names, dtype=object))
    order = sorted(range(len(distinct)), key=distinct.__getitem__)
    rank = np.empty(len(distinct), np.int32)
    rank[order] = np.arange(len(distinct), dtype=np.int32)
    return rank[found], tuple(distinct[at] for at in order)


def codes_of(names: Sequence[str], n: int) -> Ints:
    """Return int32[n]: a code per distinct name, in order of the alphabet, -1 for the empty one and without names."""
    if not names:
        return np.full(n, -1, np.int32)
    codes, distinct = coded(names)
    return codes - 1 if distinct[0] == "" else codes

"""Which items of a slate are targets: what every ranking metric is computed from."""

from collections.abc import Sequence

import numpy as np

from recsys.arrays import Bools, Ints, Longs


def hits(slates: Ints, targets: Sequence[Longs], n_items: int) -> Bools:
    """Return bool[n, k]: whether each item of the slates (int32[n, k], -1 behind the end) is a target."""
    if not len(slates):
        return np.zeros(slates.shape, bool)
    wanted = np.concatenate([row * n_items + own for row, own in enumerate(targets)])
    rows = np.arange(len(slates), dtype=np.int64)[:, None]
    found: Bools = np.isin(rows * n_items + slates, wanted) & (slates >= 0)
    return found


def sizes_of(targets: Sequence[Longs]) -> Longs:
    """Return int64[n]: how many right answers each question has."""
    return np.fromiter((len(own) for own in targets), np.int64, len(targets))


def asked_hits(slates: Ints, targets: Sequence[Longs], n_items: int) -> tuple[Longs, Bools, Longs]:
    """Return which rows have a target at all, the `hits` of these, and how many right answers each of these has."""
    sizes = sizes_of(targets)
    asked = np.flatnonzero(sizes)
    return asked, hits(slates[asked], [targets[row] for row in asked.tolist()], n_items), sizes[asked]

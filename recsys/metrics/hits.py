"""Which items of a slate are targets: the input of every ranking metric."""

from collections.abc import Sequence

import numpy as np

from recsys.arrays import Bools, Ints, Longs


def hits(slates: Ints, targets: Sequence[Longs], n_items: int) -> Bools:
    """Return bool[n, k]: whether each item of the slates, int32[n, k] padded with -1, is a target of its row."""
    if not len(slates):
        return np.zeros(slates.shape, bool)
    target_keys = np.concatenate([row * n_items + own for row, own in enumerate(targets)])
    rows = np.arange(len(slates), dtype=np.int64)[:, None]
    is_target: Bools = np.isin(rows * n_items + slates, target_keys) & (slates >= 0)
    return is_target


def target_counts(targets: Sequence[Longs]) -> Longs:
    """Return int64[n]: the number of targets of each question."""
    return np.fromiter((len(own) for own in targets), np.int64, len(targets))


def hits_with_targets(slates: Ints, targets: Sequence[Longs], n_items: int) -> tuple[Longs, Bools, Longs]:
    """Return the indices of the rows with targets, int64[m], and for these `hits` and `target_counts`."""
    counts = target_counts(targets)
    rows = np.flatnonzero(counts)
    return rows, hits(slates[rows], [targets[row] for row in rows.tolist()], n_items), counts[rows]

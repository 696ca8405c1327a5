"""Which new cluster is which old one, by the members they share. Pure."""

from typing import Final

import numpy as np

from profiles.segments.online.clustering import Labels

LEAST_OVERLAP: Final = 0.3
"""Shared members divided by the members of either; below it, a cluster is a new one."""


def matches(before: Labels, after: Labels, *, n_before: int, n_after: int) -> list[int | None]:
    """Return for each new cluster the old one that it continues, or None.

    `before` and `after` are the clusters of the same shoppers. The pairs have the largest total overlap (Hungarian
    method); a cluster continues at most one other.
    """
    from scipy.optimize import linear_sum_assignment

    shared = np.zeros((n_before, n_after))
    np.add.at(shared, (before, after), 1.0)
    either = shared.sum(axis=1)[:, None] + shared.sum(axis=0)[None, :] - shared
    overlap = shared / np.maximum(either, 1.0)
    pairs = zip(*linear_sum_assignment(overlap, maximize=True), strict=True)
    old_of: list[int | None] = [None] * n_after
    for old, new in pairs:
        if overlap[old, new] >= LEAST_OVERLAP:
            old_of[new] = int(old)
    return old_of


def keys_after(keys: list[int], old_of: list[int | None], *, next_key: int) -> list[int]:
    """Return the key of each new cluster: that of the one it continues, else a new one that was never used."""
    result, fresh = [], next_key
    for old in old_of:
        if old is not None:
            result.append(keys[old])
        else:
            result.append(fresh)
            fresh += 1
    return result

"""A fingerprint of the rows behind each item, to find what changed between two readings of the same history. Pure.

An item's fingerprint is a sum over the rows of the shoppers who had it, so the order of rows and the codes of shoppers
make no difference. It changes if any row of such a shopper does, be it of another item. Sums of hashes tell nothing of
one shopper.
"""

import numpy as np
from numpy.typing import NDArray

from recsys.arrays import Longs
from recsys.data.interactions import Interactions

Fingerprints = NDArray[np.uint64]
FACTORS = tuple(np.uint64(factor) for factor in (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB))
"""The constants of SplitMix64 (Steele, Lea, Flood, "Fast splittable pseudorandom number generators", 2014)."""


def item_fingerprints(interactions: Interactions, n_items: int) -> Fingerprints:
    """Return uint64[n_items]; 0 for an item without rows."""
    rows = np.zeros(len(interactions), np.uint64)
    for name in ("times", "items", "signals", "weights", "values"):
        rows = _mixed(rows + _bits(getattr(interactions, name)))
    baskets = _sums(interactions.baskets.astype(np.int64) + 1, rows, int(interactions.baskets.max(initial=-1)) + 2)
    baskets[0] = 0  # rows without a basket belong to none together
    rows = _mixed(rows + baskets[interactions.baskets.astype(np.int64) + 1])
    shoppers = _sums(interactions.users, rows, interactions.n_users)
    return _sums(interactions.items, _mixed(rows + shoppers[interactions.users]), n_items)


def changed_items(before: Fingerprints, now: Fingerprints) -> Longs:
    """Return the codes of the items whose fingerprints differ, ascending."""
    return np.flatnonzero(before != now)


def _bits(column: NDArray[np.generic]) -> Fingerprints:
    if column.dtype.kind == "f":
        return column.astype(np.float64).view(np.uint64)
    return column.astype(np.int64).view(np.uint64)


def _mixed(values: Fingerprints) -> Fingerprints:
    values = values + FACTORS[0]
    values = (values ^ (values >> np.uint64(30))) * FACTORS[1]
    values = (values ^ (values >> np.uint64(27))) * FACTORS[2]
    return values ^ (values >> np.uint64(31))


def _sums(codes: NDArray[np.integer], values: Fingerprints, n: int) -> Fingerprints:
    sums = np.zeros(n, np.uint64)
    np.add.at(sums, codes, values)
    return sums

"""Sums over (shopper, something) pairs by one key: the only aggregation that features need. All arrays, no loops."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from recsys.arrays import Doubles, Longs


@dataclass(frozen=True, slots=True)
class GroupBy:
    """Distinct keys (int64, ascending) and, per event handed in, the position of its key."""

    keys: Longs
    inverse: Longs

    @classmethod
    def of(cls, keys: Longs) -> Self:
        """Return the groups of the keys."""
        distinct, inverse = np.unique(keys, return_inverse=True)
        return cls(distinct, inverse.astype(np.int64, copy=False))

    def sum(self, values: NDArray[np.generic] | None = None) -> Doubles:
        """Return the sum of the values per group (without values: how many)."""
        sums: Doubles = np.bincount(self.inverse, weights=values, minlength=len(self.keys)).astype(np.float64)
        return sums

    def max(self, values: Doubles, *, start: float) -> Doubles:
        """Return the largest value per group."""
        best = np.full(len(self.keys), start, np.float64)
        np.maximum.at(best, self.inverse, values)
        return best

    def min(self, values: Doubles, *, start: float) -> Doubles:
        """Return the smallest value per group."""
        best = np.full(len(self.keys), start, np.float64)
        np.minimum.at(best, self.inverse, values)
        return best

    def at(self, keys: Longs) -> Longs:
        """Return the position of each wanted key, or the number of groups where there is none.

        `table(values)` has one more entry than there are groups, for those.
        """
        if not len(self.keys):
            return np.zeros(len(keys), np.int64)
        position = np.searchsorted(self.keys, keys)
        position[position == len(self.keys)] = 0
        return np.where(self.keys[position] == keys, position, len(self.keys)).astype(np.int64)


def lookup_table(values: Doubles, *, missing: float = 0.0) -> Doubles:
    """Return the values with `missing` behind them, to be indexed by `GroupBy.at`."""
    return np.append(values, missing)


def rank_in_row(values: NDArray[np.floating], rows: Longs) -> Longs:
    """Return int64[n]: the place of each value in its row, 0 for the largest, ties to the earlier; rows ascend."""
    found = np.empty(len(rows), np.int64)
    found[np.lexsort((-values, rows))] = np.arange(len(rows)) - np.searchsorted(rows, rows)
    return found


def row_deviations(values: NDArray[np.floating], rows: Longs, n_rows: int) -> Doubles:
    """Return float64[n_rows]: the standard deviation of each row's values; 0 where there are none."""
    sizes = np.maximum(np.bincount(rows, minlength=n_rows), 1)
    mean = np.bincount(rows, values, n_rows) / sizes
    found: Doubles = np.sqrt(np.bincount(rows, (values - mean[rows]) ** 2, n_rows) / sizes)
    return found


def evenly_spaced(n: int, limit: int) -> Longs:
    """Return at most `limit` of the rows 0 … n - 1, evenly spread and ascending."""
    return np.unique(np.linspace(0, n - 1, min(n, limit)).astype(np.int64))

"""Group-by over one int64 key such as (shopper, item): the aggregations of the features, in arrays without loops."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from recsys.arrays import Doubles, Ints, Longs
from recsys.compiled import compiled


@dataclass(frozen=True, slots=True)
class GroupBy:
    """Distinct `keys` (int64, ascending), and for each row the position of its key in `inverse`."""

    keys: Longs
    inverse: Longs

    @classmethod
    def of(cls, keys: Longs) -> Self:
        """Return the groups of the keys."""
        distinct, inverse = np.unique(keys, return_inverse=True)
        return cls(distinct, inverse.astype(np.int64, copy=False))

    def sum(self, values: NDArray[np.generic] | None = None) -> Doubles:
        """Return float64[n_groups]: the sum of the values per group; without values, the number of rows."""
        sums: Doubles = np.bincount(self.inverse, weights=values, minlength=len(self.keys)).astype(np.float64)
        return sums

    def max(self, values: Doubles, *, start: float) -> Doubles:
        """Return the largest value per group, at least `start`."""
        best = np.full(len(self.keys), start, np.float64)
        np.maximum.at(best, self.inverse, values)
        return best

    def min(self, values: Doubles, *, start: float) -> Doubles:
        """Return the smallest value per group, at most `start`."""
        best = np.full(len(self.keys), start, np.float64)
        np.minimum.at(best, self.inverse, values)
        return best

    def at(self, keys: Longs) -> Longs:
        """Return the position of each key, or the number of groups for a key without a group.

        `lookup_table(values)` has one more entry for those.
        """
        if not len(self.keys):
            return np.zeros(len(keys), np.int64)
        position = np.searchsorted(self.keys, keys)
        position[position == len(self.keys)] = 0
        return np.where(self.keys[position] == keys, position, len(self.keys)).astype(np.int64)


def lookup_table(values: Doubles, *, missing: float = 0.0) -> Doubles:
    """Return the values with `missing` behind them, to be indexed by `GroupBy.at`."""
    return np.append(values, missing)


@compiled
def place_of(keys: Ints, key: int) -> int:
    """Return the place of a key among ascending ones, -1 where it is none of them."""
    place = int(np.searchsorted(keys, key))
    return place if place < len(keys) and keys[place] == key else -1


def rank_in_row(values: NDArray[np.floating], rows: Longs) -> Longs:
    """Return int64[n]: the rank of each value in its row, 0 for the largest, ties to the earlier; rows ascend."""
    ranks = np.empty(len(rows), np.int64)
    ranks[np.lexsort((-values, rows))] = np.arange(len(rows)) - np.searchsorted(rows, rows)
    return ranks


def row_deviations(values: NDArray[np.floating], rows: Longs, n_rows: int) -> Doubles:
    """Return float64[n_rows]: the standard deviation of each row's values; 0 where there are none."""
    sizes = np.maximum(np.bincount(rows, minlength=n_rows), 1)
    mean = np.bincount(rows, values, n_rows) / sizes
    deviations: Doubles = np.sqrt(np.bincount(rows, (values - mean[rows]) ** 2, n_rows) / sizes)
    return deviations


def evenly_spaced(n: int, limit: int) -> Longs:
    """Return at most `limit` of the rows 0 … n - 1, evenly spread and ascending."""
    return np.unique(np.linspace(0, n - 1, min(n, limit)).astype(np.int64))

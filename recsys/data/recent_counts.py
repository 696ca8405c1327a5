"""Integer counts of the last days: how often each item was touched, and which item followed which in a visit. Pure.

Live counts and a model's own counts of its last day share this rule, so that what the model has learned is not counted
again. Days are whole days since 1970, UTC. Counts are weights in thousandths (fixed point), so sums are exact in any
order, and taking a shopper out is a subtraction.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Self

import numpy as np
from numpy.typing import NDArray

from recsys.arrays import Floats, Ints
from recsys.data.interactions import DAY, Interactions

Counts = NDArray[np.int64]
UNIT = 1000
"""The count of a row of weight 1."""
MAX_STEPS = 3
"""The largest distance of a pair, in rows of one shopper, sorted by time."""
VISIT_SECONDS = 1800.0
"""The longest time between the rows of a pair, which lie in one day."""
NO_DAY = -1
"""The last day of a model without rows."""


def fixed_point(weights: Floats) -> Counts:
    """Return int64[n]: weights in thousandths."""
    return np.rint(np.asarray(weights, np.float64) * UNIT).astype(np.int64)


@dataclass(frozen=True, slots=True)
class ItemCounts:
    """Distinct item codes int32[n] and their counts int64[n]."""

    items: Ints
    counts: Counts

    def dense(self, n_items: int) -> Counts:
        """Return int64[n_items]."""
        dense = np.zeros(n_items, np.int64)
        dense[self.items] = self.counts
        return dense


@dataclass(frozen=True, slots=True)
class PairCounts:
    """Distinct pairs: targets[i] followed sources[i], both int32[n] of item codes; counts int64[n]."""

    sources: Ints
    targets: Ints
    counts: Counts

    @classmethod
    def summed(cls, sources: Ints, targets: Ints, counts: Counts) -> Self:
        """Return the counts with each pair once, sorted by source, then target; pairs without a count are left out."""
        keys, places = np.unique(sources.astype(np.int64) << 32 | targets, return_inverse=True)
        totals = np.zeros(len(keys), np.int64)
        np.add.at(totals, places, counts)
        keys, totals = keys[totals != 0], totals[totals != 0]
        return cls((keys >> 32).astype(np.int32), (keys & 0xFFFF_FFFF).astype(np.int32), totals)

    def minus(self, other: "PairCounts") -> "PairCounts":
        """Return what exceeds the other counts."""
        difference = PairCounts.summed(
            np.concatenate([self.sources, other.sources]),
            np.concatenate([self.targets, other.targets]),
            np.concatenate([self.counts, -other.counts]),
        )
        above = difference.counts > 0
        return PairCounts(difference.sources[above], difference.targets[above], difference.counts[above])


NO_PAIRS = PairCounts(np.empty(0, np.int32), np.empty(0, np.int32), np.empty(0, np.int64))


@dataclass(frozen=True, slots=True)
class RecentCounts:
    """The counts of the last days by day; `today` is the current day. Item codes are below `n_items`."""

    today: int
    n_items: int
    items: Mapping[int, ItemCounts] = field(default_factory=dict)
    pairs: Mapping[int, PairCounts] = field(default_factory=dict)

    def items_since(self, day: int, counts: Counts) -> Iterator[tuple[int, Counts]]:
        """Yield the age in days and int64[n_items] of each day since `day`, less the `counts` of that day itself."""
        for one, day_counts in self.items.items():
            if one < day:
                continue
            dense = day_counts.dense(self.n_items)
            if one == day:
                dense[: len(counts)] = np.maximum(dense[: len(counts)] - counts, 0)
            yield max(0, self.today - one), dense

    def pairs_since(self, day: int, counts: PairCounts) -> Iterator[tuple[int, PairCounts]]:
        """Yield the age in days and the pairs of each day since `day`, less the `counts` of that day itself."""
        for one, day_counts in self.pairs.items():
            if one >= day:
                yield max(0, self.today - one), day_counts.minus(counts) if one == day else day_counts


def last_day(interactions: Interactions) -> int:
    """Return the day of the interactions' clock; `NO_DAY` without rows."""
    return int(interactions.now // DAY) if len(interactions) else NO_DAY


def item_counts(interactions: Interactions, n_items: int, *, day: int) -> Counts:
    """Return int64[n_items]: the counts of one day."""
    rows = interactions.times // DAY == day
    counts = np.zeros(n_items, np.int64)
    np.add.at(counts, interactions.items[rows], fixed_point(interactions.weights[rows]))
    return counts


def pair_counts(interactions: Interactions, *, day: int) -> PairCounts:
    """Return the pairs of one day: rows of a shopper at most `MAX_STEPS` apart and within `VISIT_SECONDS`.

    A pair counts the weight of its later row. Rows of the same time count in both directions.
    """
    rows = interactions.select(interactions.times // DAY == day)
    rows = rows.select(np.lexsort((rows.times, rows.users)))
    weights, parts = fixed_point(rows.weights), [NO_PAIRS]
    for steps in range(1, min(MAX_STEPS, len(rows) - 1) + 1):
        first, second = slice(0, -steps), slice(steps, None)
        seconds = rows.times[second] - rows.times[first]
        mask = (rows.users[first] == rows.users[second]) & (rows.items[first] != rows.items[second])
        mask &= seconds <= VISIT_SECONDS
        ties = mask & (seconds == 0)
        parts.append(PairCounts(rows.items[first][mask], rows.items[second][mask], weights[second][mask]))
        parts.append(PairCounts(rows.items[second][ties], rows.items[first][ties], weights[first][ties]))
    columns = ([getattr(part, name) for part in parts] for name in ("sources", "targets", "counts"))
    return PairCounts.summed(*map(np.concatenate, columns))

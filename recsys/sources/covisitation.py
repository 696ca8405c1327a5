"""Directed co-visitation: which items soon follow an item.

Source: sequential rules with a weight by gap (Ludewig, Jannach, "Evaluation of session-based recommendation
algorithms", UMUAI 2018), here over each shopper's whole sequence.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, Self

import numpy as np
from scipy import sparse

from recsys.arrays import Doubles, Floats, Ints, Longs
from recsys.data.catalog import Catalog
from recsys.data.counting_sort import order_by
from recsys.data.interactions import DAY, Interactions
from recsys.data.recent_counts import UNIT, PairCounts, RecentCounts, last_day, pair_counts
from recsys.sources.base import Config
from recsys.sources.counted import best_scores
from recsys.sources.decay import DECAY_SPACE, REPEAT_START, SESSION_START
from recsys.sources.item_item import CountedItemItem, ItemItemConfig
from recsys.sources.matrix import (
    Matrix,
    inverse_power,
    scaled_columns,
    scaled_rows,
)
from recsys.sources.neighbors import CHUNK_ROWS, Neighbors, Rows
from recsys.sources.scoring import Cost, SearchSpace
from recsys.sources.storage import Arrays

MAX_ROWS_APART = 20
"""The largest distance, in rows of one shopper, between the items of a pair. It bounds the pairs of large orders."""
PAIR_BITS = 44
"""Binary digits of a pair's count behind the point. Sums in int64 are exact up to 500,000; older pairs than 44
half-lives do not count."""
MAX_PAIRS_AT_ONCE = 4_000_000
"""Number of pairs that are summed at once, to bound memory."""


@dataclass(frozen=True)
class CovisitationConfig(ItemItemConfig):
    """Weights of pairs of events.

    A pair counts gap_decay ** (gap - 1) · 2 ** (-hours between / pair_half_life_hours) · weight of the later event.
    `gap`, at most `max_gap`, is the number of distinct times between the two. `backward` is the factor of the reverse
    direction. Lines of an order share a time and have no direction: they count in full both ways, as with a gap of 1.
    `target_power` discounts popular targets, `source_power` sources with many followers.
    """

    step: float = 0.6
    max_gap: int = 10
    gap_decay: float = 0.7
    pair_half_life_hours: float = 168.0
    backward: float = 0.3
    target_power: float = 0.3
    source_power: float = 0.7
    matrix_half_life_days: float = 365.0


class Covisitation(CountedItemItem["_PairCounts"]):
    """Items that shoppers went on to."""

    name: ClassVar[str] = "covisitation"
    config_class: ClassVar[type[Config]] = CovisitationConfig
    config: CovisitationConfig
    HALF_LIFE: ClassVar[str] = "matrix_half_life_days"
    cost: ClassVar[Cost] = "seconds"
    discovers: ClassVar[bool] = True
    STARTS: ClassVar[tuple[dict[str, Any], ...]] = (REPEAT_START, SESSION_START)
    SEARCH_SPACE: ClassVar[SearchSpace] = {
        **DECAY_SPACE,
        "max_gap": ("int", 1, 20),
        "gap_decay": ("float", 0.4, 1.0, False),
        "pair_half_life_hours": ("float", 1.0, 8760.0, True),
        "backward": ("float", 0.0, 1.0, False),
        "target_power": ("float", 0.0, 0.8, False),
        "source_power": ("float", 0.0, 1.0, False),
        "matrix_half_life_days": ("float", 7.0, 1500.0, True),
    }

    def counts(self, interactions: Interactions, catalog: Catalog, changed: Longs | None = None) -> "_PairCounts":
        """Return decayed pair counts, discounted on both sides."""
        n = catalog.n_items
        pairs = partial(self._both_ways_of, interactions, n)
        if changed is None:
            sums = _sums(whole := pairs(None))
        else:
            whole = pairs(changed)
            sums = self.arrays["row_sums"].copy(), self.arrays["column_sums"].copy()
            for own, fresh in zip(sums, _sums(whole), strict=True):
                own[changed] = fresh[changed]
        left, right = (
            inverse_power(own, power).astype(np.float64)
            for own, power in zip(sums, (self.config.source_power, self.config.target_power), strict=True)
        )
        return _PairCounts(left, right, whole, changed, pairs, *sums)

    def arrays_of(self, rows: Rows, counts: "_PairCounts", interactions: Interactions) -> Arrays:
        """Return the table and what live counts add to.

        That is the sums of rows and columns, float32[n_items], and the pairs of the last day, which live counts repeat.
        """
        day = last_day(interactions)
        last_pairs = pair_counts(interactions, day=day)
        return {
            **Neighbors(rows, best_scores(rows)).arrays(),
            "row_sums": counts.row_sums,
            "column_sums": counts.column_sums,
            "last_day": np.array([day], np.int64),
            "last_day_sources": last_pairs.sources,
            "last_day_targets": last_pairs.targets,
            "last_day_counts": last_pairs.counts,
        }

    def with_recent_counts(self, counts: RecentCounts, catalog: Catalog) -> Self:
        """Return the model with the pairs that it lacks, in the units of its table. The table itself is not copied."""
        if "row_sums" not in self.arrays:  # of a release that kept the table only
            return self
        extra, added = self._extra_pairs(counts), counts.n_items - len(self.arrays["row_sums"])
        row_sums, column_sums = (
            np.pad(self.arrays[name], (0, added)) + sums
            for name, sums in zip(("row_sums", "column_sums"), _sums(extra), strict=True)
        )
        model = type(self)(self.config)
        model.n_items, model.learned_until, model.arrays = counts.n_items, self.learned_until, self.arrays
        model.table = Neighbors.of(self.arrays).with_later(Rows.of(self._discounted(extra, row_sums, column_sums)))
        return model

    def _extra_pairs(self, counts: RecentCounts) -> Matrix:
        """Return csr float32[n_items, n_items]: pairs of the live counts that the model has not learned, both ways."""
        names = ("last_day_sources", "last_day_targets", "last_day_counts")
        (day,), last_pairs = self.arrays["last_day"].tolist(), PairCounts(*(self.arrays[name] for name in names))
        extra = sparse.csr_matrix((counts.n_items, counts.n_items))
        for age, pairs in counts.pairs_since(day, last_pairs):
            weights = pairs.counts / UNIT * np.exp2(-age / self.config.matrix_half_life_days)
            extra = extra + _pair_matrix([(weights, pairs.sources, pairs.targets)], counts.n_items)
        return self._both_ways(extra).astype(np.float32)

    def _both_ways(self, pairs: Matrix) -> Matrix:
        return (pairs + self.config.backward * pairs.T).tocsr()

    def _discounted(self, pairs: Matrix, row_sums: Floats, column_sums: Floats) -> Matrix:
        left = inverse_power(row_sums, self.config.source_power)
        right = inverse_power(column_sums, self.config.target_power)
        return scaled_columns(scaled_rows(pairs, left), right)

    def _both_ways_of(self, interactions: Interactions, n_items: int, items: Longs | None) -> Matrix:
        return self._both_ways(self._pairs(interactions, n_items, items))

    def _pairs(self, interactions: Interactions, n_items: int, items: Longs | None = None) -> Matrix:
        """Return csr float64[n_items, n_items]: row i, column j is the weight of pairs in which j follows i.

        With `items`, only their rows and columns are filled. Weights are summed in units of 2 ** -PAIR_BITS.
        """
        c = self.config
        order = order_by(interactions.users)
        users, codes, times = interactions.users[order], interactions.items[order], interactions.times[order]
        weights = interactions.weights[order] * np.exp2((times - interactions.now) / (c.matrix_half_life_days * DAY))
        moment = np.cumsum(np.diff(users, prepend=-1).astype(bool) | np.diff(times, prepend=0).astype(bool))
        is_counted = np.full(len(codes), items is None)
        if items is not None:
            is_counted = np.isin(codes, items)
        total, parts, n_pairs = sparse.csr_matrix((n_items, n_items), dtype=np.int64), [], 0
        for distance in range(1, MAX_ROWS_APART + 1):
            n = max(0, len(users) - distance)
            first = np.flatnonzero((users[:n] == users[distance:]) & (is_counted[:n] | is_counted[distance:]))
            second = first + distance
            gap = moment[second] - moment[first]
            mask = (codes[first] != codes[second]) & (gap <= c.max_gap)
            if not mask.any():
                continue
            gap, first, second = gap[mask], first[mask], second[mask]
            seconds_between = times[second] - times[first]
            decay = c.gap_decay ** np.maximum(gap - 1, 0) * np.exp2(-seconds_between / (c.pair_half_life_hours * 3600))
            tied = gap == 0
            # `_both_ways` adds the reverse direction of both; together they count once each way.
            decay[tied] /= 1 + c.backward
            parts += [(_whole(weights[second] * decay), codes[first], codes[second])]
            parts += [(_whole((weights[first] * decay)[tied]), codes[second][tied], codes[first][tied])]
            n_pairs += len(first)
            if n_pairs > MAX_PAIRS_AT_ONCE:
                total, parts, n_pairs = total + _pair_matrix(parts, n_items), [], 0
        total = total + _pair_matrix(parts, n_items) if parts else total
        weights = np.ldexp(total.data.astype(np.float64), -PAIR_BITS)
        return sparse.csr_matrix((weights, total.indices, total.indptr), total.shape)


@dataclass(frozen=True)
class _PairCounts:
    """Pair counts both ways: `matrix` has all of them, or the rows and columns of `items`; `pairs` counts others."""

    left: Doubles
    right: Doubles
    matrix: Matrix
    items: Longs | None
    pairs: Callable[[Longs | None], Matrix]
    row_sums: Floats
    column_sums: Floats

    def chunks(self) -> Iterator[Matrix]:
        """Yield all rows, in csr float64 chunks."""
        matrix = self.matrix if self.items is None else self.pairs(None)
        for start in range(0, matrix.shape[0], CHUNK_ROWS):
            yield matrix[start : start + CHUNK_ROWS]

    def block(self, items: Longs) -> tuple[Matrix, Matrix]:
        """Return the items' rows and columns."""
        matrix = self.matrix if items is self.items else self.pairs(items)
        return matrix[items], matrix[:, items]


def follower_pairs(interactions: Interactions, n_items: int) -> Matrix:
    """Return csr float64[n_items, n_items]: how often j follows i within a visit, less with each step between."""
    config = CovisitationConfig(gap_decay=0.7, pair_half_life_hours=1.0, matrix_half_life_days=36_500.0)
    return Covisitation(config)._pairs(interactions, n_items)


def _sums(pairs: Matrix) -> tuple[Floats, Floats]:
    """Return the sums of rows and of columns, float32[n_items] each."""
    rows, columns = (np.asarray(pairs.sum(axis=axis), np.float32).ravel() for axis in (1, 0))
    return rows, columns


def _whole(weights: Doubles) -> Longs:
    """Return the weights in units of 2 ** -PAIR_BITS."""
    return np.rint(np.ldexp(weights, PAIR_BITS)).astype(np.int64)


def _pair_matrix(parts: Sequence[tuple[np.ndarray, Ints, Ints]], n_items: int) -> Matrix:
    """Return csr [n_items, n_items], the sums of (counts, rows, columns)."""
    counts, rows, columns = map(np.concatenate, zip(*parts, strict=True))
    return sparse.csr_matrix((counts, (rows, columns)), shape=(n_items, n_items))

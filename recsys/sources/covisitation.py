"""Directed co-visitation: which items soon follow an item.

Source: sequential rules with a weight by gap (Ludewig, Jannach, "Evaluation of session-based recommendation
algorithms", UMUAI 2018), here over each shopper's whole sequence.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from scipy import sparse

from recsys.arrays import Ints
from recsys.data.catalog import Catalog
from recsys.data.interactions import DAY, Interactions
from recsys.sources.base import Config
from recsys.sources.decay import DECAY_SPACE, REPEAT_START, SESSION_START
from recsys.sources.item_item import ItemItem, ItemItemConfig
from recsys.sources.matrix import (
    Matrix,
    inverse_power,
    scaled_columns,
    scaled_rows,
)
from recsys.sources.neighbors import build_table
from recsys.sources.scoring import Cost, SearchSpace
from recsys.sources.storage import Arrays

MAX_ROWS_APART = 20
"""The largest distance, in rows of one shopper, between the items of a pair. It bounds the pairs of large orders."""
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


class Covisitation(ItemItem):
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

    def learn(self, interactions: Interactions, catalog: Catalog) -> Arrays:
        """Return the neighbor table of decayed pair counts, discounted on both sides."""
        c = self.config
        pairs = self._pairs(interactions, catalog.n_items)
        pairs = (pairs + c.backward * pairs.T).tocsr().astype(np.float32)
        left = inverse_power(np.asarray(pairs.sum(axis=1)).ravel(), c.source_power)
        right = inverse_power(np.asarray(pairs.sum(axis=0)).ravel(), c.target_power)
        return build_table([scaled_columns(scaled_rows(pairs, left), right)], max_neighbors=c.neighbors).arrays()

    def _pairs(self, interactions: Interactions, n_items: int) -> Matrix:
        """Return csr float64[n_items, n_items]: row i, column j is the weight of pairs in which j follows i."""
        c = self.config
        order = np.argsort(interactions.users, kind="stable")
        users, items, times = interactions.users[order], interactions.items[order], interactions.times[order]
        weights = interactions.weights[order] * np.exp2(
            (times - times.max(initial=0)) / (c.matrix_half_life_days * DAY)
        )
        moment = np.cumsum(np.diff(users, prepend=-1).astype(bool) | np.diff(times, prepend=0).astype(bool))
        total, parts, n_pairs = sparse.csr_matrix((n_items, n_items)), [], 0
        for distance in range(1, MAX_ROWS_APART + 1):
            first, second = slice(0, max(0, len(users) - distance)), slice(distance, None)
            gap = moment[second] - moment[first]
            mask = (users[first] == users[second]) & (items[first] != items[second]) & (gap <= c.max_gap)
            if not mask.any():
                continue
            gap, sources, targets = gap[mask], items[first][mask], items[second][mask]
            seconds_between = times[second][mask] - times[first][mask]
            decay = c.gap_decay ** np.maximum(gap - 1, 0) * np.exp2(-seconds_between / (c.pair_half_life_hours * 3600))
            tied = gap == 0
            # `learn` adds the reverse direction of both; together they count once each way.
            decay[tied] /= 1 + c.backward
            parts += [(weights[second][mask] * decay, sources, targets)]
            parts += [((weights[first][mask] * decay)[tied], targets[tied], sources[tied])]
            n_pairs += len(sources)
            if n_pairs > MAX_PAIRS_AT_ONCE:
                total, parts, n_pairs = total + _pair_matrix(parts, n_items), [], 0
        return total + _pair_matrix(parts, n_items) if parts else total


def follower_pairs(interactions: Interactions, n_items: int) -> Matrix:
    """Return csr float64[n_items, n_items]: how often j follows i within a visit, less with each step between."""
    config = CovisitationConfig(gap_decay=0.7, pair_half_life_hours=1.0, matrix_half_life_days=36_500.0)
    return Covisitation(config)._pairs(interactions, n_items)


def _pair_matrix(parts: Sequence[tuple[np.ndarray, Ints, Ints]], n_items: int) -> Matrix:
    """Return csr float64[n_items, n_items], the sums of (counts, rows, columns)."""
    counts, rows, columns = map(np.concatenate, zip(*parts, strict=True))
    return sparse.csr_matrix((counts, (rows, columns)), shape=(n_items, n_items))

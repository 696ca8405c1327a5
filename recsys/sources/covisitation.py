"""Directed co-visitation: what comes next, and soon, after an item. The session's workhorse.

Sequence rules with a gap weight (Ludewig, Jannach, "Evaluation of session-based recommendation algorithms", UMUAI
2018), over each shopper's whole sequence.
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
"""Rows of one shopper that pairs are made of lie at most so far apart: an order of many lines pairs each with some."""
MAX_PAIRS_AT_ONCE = 4_000_000
"""Pairs that are summed at once: fewer additions, bounded memory."""


@dataclass(frozen=True)
class CovisitationConfig(ItemItemConfig):
    """A pair `gap` moments apart counts gap_decay ** (gap - 1) · 2 ** (-time between / pair_half_life_hours), times
    what the later event counts.

    The lines of an order share a moment, so their order means nothing: they count both ways in full, as one gap apart
    (where one counts more than the other, by a mean of both).
    `backward` is what the reverse direction counts elsewhere, `max_gap` in moments.
    `target_power` discounts popular followers, `source_power` items followed by many.
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
    """What shoppers went on to after this."""

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
        """Return the decayed pair counts, discounted on both sides."""
        c = self.config
        pairs = self._pairs(interactions, catalog.n_items)
        pairs = (pairs + c.backward * pairs.T).tocsr().astype(np.float32)
        left = inverse_power(np.asarray(pairs.sum(axis=1)).ravel(), c.source_power)
        right = inverse_power(np.asarray(pairs.sum(axis=0)).ravel(), c.target_power)
        return build_table([scaled_columns(scaled_rows(pairs, left), right)], most=c.neighbors).arrays()

    def _pairs(self, interactions: Interactions, n_items: int) -> Matrix:
        """Return csr float64[n_items, n_items]: row i, column j is how much j follows i."""
        c = self.config
        order = np.argsort(interactions.users, kind="stable")
        users, items, times = interactions.users[order], interactions.items[order], interactions.times[order]
        weights = interactions.weights[order] * np.exp2(
            (times - times.max(initial=0)) / (c.matrix_half_life_days * DAY)
        )
        moment = np.cumsum(np.diff(users, prepend=-1).astype(bool) | np.diff(times, prepend=0).astype(bool))
        total, found, held = sparse.csr_matrix((n_items, n_items)), [], 0
        for rows in range(1, MAX_ROWS_APART + 1):
            first, second = slice(0, max(0, len(users) - rows)), slice(rows, None)
            gap = moment[second] - moment[first]
            kept = (users[first] == users[second]) & (items[first] != items[second]) & (gap <= c.max_gap)
            if not kept.any():
                continue
            gap, ahead, behind = gap[kept], items[first][kept], items[second][kept]
            between = times[second][kept] - times[first][kept]
            faded = c.gap_decay ** np.maximum(gap - 1, 0) * np.exp2(-between / (c.pair_half_life_hours * 3600))
            tied = gap == 0
            # The reverse of both is added in `learn`: together they shall count once each way.
            faded[tied] /= 1 + c.backward
            found += [(weights[second][kept] * faded, ahead, behind)]
            found += [((weights[first][kept] * faded)[tied], behind[tied], ahead[tied])]
            held += len(ahead)
            if held > MAX_PAIRS_AT_ONCE:
                total, found, held = total + _pair_matrix(found, n_items), [], 0
        return total + _pair_matrix(found, n_items) if found else total


def _pair_matrix(found: Sequence[tuple[np.ndarray, Ints, Ints]], n_items: int) -> Matrix:
    """Return csr float64[n_items, n_items] of (counts, rows, columns)."""
    counts, rows, columns = (np.concatenate(parts) for parts in zip(*found, strict=True))
    return sparse.csr_matrix((counts, (rows, columns)), shape=(n_items, n_items))

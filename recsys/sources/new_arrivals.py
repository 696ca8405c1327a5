"""New arrivals: the newest products that are similar to the shopper's, for cold products.

Collaborative sources cannot propose products without interactions. `content` can, but ranks a new product behind all
similar old ones. Here only new products compete.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from recsys.arrays import Bools
from recsys.data.catalog import Catalog
from recsys.data.interactions import DAY, Interactions
from recsys.sources.base import Config
from recsys.sources.content import Content, ContentConfig
from recsys.sources.decay import DECAY_SPACE, REPEAT_START, SESSION_START
from recsys.sources.scoring import PlainReason, Reason, SearchSpace
from recsys.sources.storage import Array


@dataclass(frozen=True)
class NewArrivalsConfig(ContentConfig):
    """Similarity is multiplied by 2 ** (-days in the shop / new_half_life_days).

    Days count from the first interaction or the catalog's `first_seen`, whichever is earlier; without both the factor
    is 1. Products older than `oldest_half_lives` half-lives are left out. Good: a long profile (step 1), 7–60 days.
    """

    half_life_days: float = 1000.0
    step: float = 1.0
    words: float = 0.5
    popularity: float = 0.0
    new_half_life_days: float = 14.0
    oldest_half_lives: float = 4.0


class NewArrivals(Content):
    """The newest products that are similar to the shopper's by content."""

    name: ClassVar[str] = "new_arrivals"
    reason: ClassVar[Reason | None] = "alike"
    plain_reason: ClassVar[PlainReason | None] = "new"
    config_class: ClassVar[type[Config]] = NewArrivalsConfig
    config: NewArrivalsConfig
    learns_taste: ClassVar[bool] = False
    # Without `own_weight`: what the shopper already has is no arrival.
    STARTS: ClassVar[tuple[dict[str, Any], ...]] = (REPEAT_START, SESSION_START)
    SEARCH_SPACE: ClassVar[SearchSpace] = {
        **DECAY_SPACE,
        "attributes": ("float", 0.1, 2.0, False),
        "words": ("float", 0.1, 2.0, False),
        "new_half_life_days": ("float", 3.0, 120.0, True),
    }

    def lift_factors(self, interactions: Interactions, catalog: Catalog) -> Array:
        """Return float32[n_items]: the factor of each item by its age, 0 if it is too old."""
        first = np.full(catalog.n_items, np.inf)
        np.minimum.at(first, interactions.items, interactions.times)
        if catalog.first_seen is not None:
            first = np.fmin(first, catalog.first_seen)
        age = np.maximum(interactions.now - first, 0.0) / DAY
        age[np.isinf(first)] = 0.0
        halved = age / self.config.new_half_life_days
        return np.where(halved <= self.config.oldest_half_lives, np.exp2(-halved), 0.0).astype(np.float32)

    def knows(self, item: int) -> bool:
        """Return whether the item has a neighbor or is one. Only new items are neighbors; a single one has none."""
        return super().knows(item) or (0 <= item < self.n_items and bool(self._proposed[item]))

    @cached_property
    def _proposed(self) -> Bools:
        """bool[n_items]: which items are neighbors of any item."""
        return self.table.is_neighbor()

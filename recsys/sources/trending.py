"""Trending products: recent popularity, compared with the usual popularity."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from recsys.data.catalog import Catalog
from recsys.data.interactions import Interactions
from recsys.sources.base import Config
from recsys.sources.popular import (
    Popular,
    PopularConfig,
    category_codes,
    decayed_share,
)
from recsys.sources.scoring import PlainReason, SearchSpace
from recsys.sources.storage import Arrays


@dataclass(frozen=True)
class TrendingConfig(PopularConfig):
    """score = recent share · (recent share / usual share) ** rise.

    With `rise` 0 the score is recent popularity; 1 favors the largest rises. Good: days against a season, rise .3.
    """

    half_lives_days: tuple[float, ...] = (3.0,)
    usual_half_life_days: float = 90.0
    rise: float = 0.3


class Trending(Popular):
    """Recent popularity times its rise; with context items, their categories come first."""

    name: ClassVar[str] = "trending"
    plain_reason: ClassVar[PlainReason | None] = "trending"
    config_class: ClassVar[type[Config]] = TrendingConfig
    config: TrendingConfig
    SEARCH_SPACE: ClassVar[SearchSpace] = {
        "half_lives_days": ("choice", [(1.0,), (3.0,), (7.0,), (14.0,), (30.0,)]),
        "usual_half_life_days": ("float", 30.0, 365.0, True),
        "rise": ("float", 0.0, 1.0, False),
    }

    def learn(self, interactions: Interactions, catalog: Catalog) -> Arrays:
        """Return the score of each item as `share`, and the code of its category path."""
        n = catalog.n_items
        recent = np.mean([decayed_share(interactions, days, n) for days in self.config.half_lives_days], axis=0)
        usual = decayed_share(interactions, self.config.usual_half_life_days, n)
        lift = np.divide(recent, usual, out=np.zeros(n), where=usual > 0)
        return {"share": recent * lift**self.config.rise, "category": category_codes(catalog)}

"""Trending products: recent popularity, compared with the usual popularity."""

from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np

from recsys.data.catalog import Catalog
from recsys.data.interactions import Interactions
from recsys.data.recent_counts import UNIT, RecentCounts, item_counts, last_day
from recsys.sources.base import Config
from recsys.sources.popular import (
    Popular,
    PopularConfig,
    category_codes,
    decayed_totals,
)
from recsys.sources.scoring import PlainReason, SearchSpace
from recsys.sources.storage import Array, Arrays


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
    STARTS: ClassVar[tuple[dict[str, Any], ...]] = ({"half_lives_days": (1.0,)}, {"half_lives_days": (14.0,)})
    SEARCH_SPACE: ClassVar[SearchSpace] = {
        "half_lives_days": ("choice", [(1.0,), (3.0,), (7.0,), (14.0,), (30.0,)]),
        "usual_half_life_days": ("float", 30.0, 365.0, True),
        "rise": ("float", 0.0, 1.0, False),
    }

    def learn(self, interactions: Interactions, catalog: Catalog) -> Arrays:
        """Return the score of each item as `share`, the code of its category path, and what live counts add to.

        That is `totals`, float64[n_half_lives + 1, n_items] with the usual half-life last, and the counts of the last
        day, which live counts repeat.
        """
        totals = np.stack([decayed_totals(interactions, days, catalog.n_items) for days in self._half_lives])
        day = last_day(interactions)
        return {
            "share": self._shares(totals),
            "category": category_codes(catalog),
            "totals": totals,
            "last_day": np.array([day], np.int64),
            "last_day_counts": item_counts(interactions, catalog.n_items, day=day),
        }

    def with_recent_counts(self, counts: RecentCounts, catalog: Catalog) -> Self:
        """Return the model after the live counts: totals halve by whole days, and what it lacks is added."""
        learned = self.arrays.get("totals")
        if learned is None:  # of a release that kept shares only
            return self
        half_lives, (day,) = np.array(self._half_lives), self.arrays["last_day"].tolist()
        totals = np.zeros((len(half_lives), counts.n_items))
        totals[:, : learned.shape[1]] = learned * _fading(max(0, counts.today - day), half_lives)
        for age, extra in counts.items_since(day, self.arrays["last_day_counts"]):
            totals += extra / UNIT * _fading(age, half_lives)
        category = self.arrays["category"]
        if len(category) != counts.n_items:
            category = category_codes(catalog)
        model = type(self)(self.config)
        model.n_items, model.learned_until = counts.n_items, self.learned_until
        model.arrays = {**self.arrays, "share": self._shares(totals), "category": category}
        model.prepare()
        return model

    @property
    def _half_lives(self) -> tuple[float, ...]:
        return (*self.config.half_lives_days, self.config.usual_half_life_days)

    def _shares(self, totals: Array) -> Array:
        """Return float64[n_items]: the score by totals of each half-life, the usual one last."""
        sums = totals.sum(axis=1, keepdims=True)
        shares = np.divide(totals, sums, out=np.zeros_like(totals), where=sums > 0)
        recent, usual = np.mean(shares[:-1], axis=0), shares[-1]
        lift = np.divide(recent, usual, out=np.zeros_like(usual), where=usual > 0)
        return np.asarray(recent * lift**self.config.rise)


def _fading(days: float, half_lives_days: Array) -> Array:
    """Return float64[n, 1]: what is left of a weight after some days, for each half-life."""
    return np.asarray(np.exp2(-days / half_lives_days)[:, None])

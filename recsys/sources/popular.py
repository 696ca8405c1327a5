"""Popular products: the mean of several decayed popularities, with a preference for the context's category."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from recsys.arrays import Floats
from recsys.data.catalog import Catalog
from recsys.data.codes import codes_of
from recsys.data.interactions import DAY, Interactions
from recsys.data.profile import Context, Profile
from recsys.sources.base import Config
from recsys.sources.item_scores import ItemScores
from recsys.sources.scoring import Cost, PlainReason, Scoring, SearchSpace
from recsys.sources.storage import Array, Arrays


@dataclass(frozen=True)
class PopularConfig(Config):
    """For each half-life, an item's popularity is its share of the decayed weight; these shares are averaged.

    An item of the context's category counts 1 + `category_weight` times. Good: half-lives of a week, a month and a
    season together.
    """

    half_lives_days: tuple[float, ...] = (7.0, 30.0, 180.0)
    category_weight: float = 9.0


class Popular(Scoring):
    """Popularity over several half-lives; with context items, their categories come first."""

    name: ClassVar[str] = "popular"
    plain_reason: ClassVar[PlainReason | None] = "popular"
    config_class: ClassVar[type[Config]] = PopularConfig
    config: PopularConfig
    cost: ClassVar[Cost] = "seconds"
    contextual: ClassVar[bool] = True
    unlearns: ClassVar[bool] = True
    sorted_scores: ItemScores
    SEARCH_SPACE: ClassVar[SearchSpace] = {
        "half_lives_days": ("choice", [(1.0, 7.0), (7.0, 30.0, 180.0), (3.0, 30.0), (30.0, 365.0), (365.0,)])
    }

    def learn(self, interactions: Interactions, catalog: Catalog) -> Arrays:
        """Return the mean share of each item and the code of its category path."""
        shares = [decayed_share(interactions, days, catalog.n_items) for days in self.config.half_lives_days]
        return {"share": np.asarray(np.mean(shares, axis=0)), "category": category_codes(catalog)}

    def prepare(self) -> None:
        """Sort the shares, which are the answer where nothing is asked about."""
        self.sorted_scores = ItemScores.sorted(self.arrays["share"].astype(np.float32))

    def item_scores(self, profile: Profile, context: Context) -> ItemScores:
        """Return the share of each item, larger in the categories of the context's items."""
        is_about = self.config.category_weight and any(0 <= item < self.n_items for item in context.about)
        return super().item_scores(profile, context) if is_about else self.sorted_scores

    def scores(self, profile: Profile, context: Context) -> Floats:
        """Return the share of each item, larger in the categories of the context's items."""
        share = self.arrays["share"]
        items = [item for item in context.about if 0 <= item < self.n_items]
        if items and self.config.category_weight:
            categories = self.arrays["category"]
            inside = np.isin(categories, categories[items]) & (categories >= 0)
            share = share * (1 + self.config.category_weight * inside)
        return share.astype(np.float32)


def decayed_share(interactions: Interactions, half_life_days: float, n_items: int) -> Array:
    """Return float64[n_items]: shares of all weights, which halve every `half_life_days` before the clock."""
    totals = decayed_totals(interactions, half_life_days, n_items)
    return np.asarray(totals / totals.sum()) if len(interactions) else totals


def decayed_totals(interactions: Interactions, half_life_days: float, n_items: int) -> Array:
    """Return float64[n_items]: sums of weights, which halve every `half_life_days` before the clock."""
    if not len(interactions):
        return np.zeros(n_items)
    age = interactions.now - interactions.times
    weights = interactions.weights * np.exp2(-age / (half_life_days * DAY))
    return np.asarray(np.bincount(interactions.items, weights, n_items))


def category_codes(catalog: Catalog) -> Array:
    """Return int32[n_items]: the code of each item's category path, -1 without one."""
    return codes_of(catalog.categories, catalog.n_items)

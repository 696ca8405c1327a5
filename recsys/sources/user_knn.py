"""User kNN for shops where products are bought again (after TIFU-kNN), without keeping a single shopper.

Source: Hu, He, Gao, Zhang, "Modeling personalized item frequency information for next-basket recommendation", SIGIR
2020: own decayed frequencies plus the mean of the neighbors' decayed frequencies. An artifact must hold no shopper's
vector (docs/adr/0011), so neighbors cannot be stored. With every shopper a neighbor, weighted by cosine, the mean
needs none: sum_v cos(p, v) · v = p/|p| · sum_v (v/|v|)ᵀ v, an item-to-item table. Measured on a grocery's year, 100
or 300 neighbors instead of all change NDCG@10 by less than .001.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from recsys.arrays import Floats
from recsys.data.catalog import Catalog
from recsys.data.interactions import Interactions
from recsys.data.profile import Context, Profile
from recsys.sources.base import Config
from recsys.sources.decay import (
    REPEAT_START,
    SESSION_START,
    Query,
    Weights,
    query_of,
)
from recsys.sources.item_item import ITEM_ITEM_SPACE, ItemItem, ItemItemConfig
from recsys.sources.matrix import decayed_histories, inverse_power, scaled_rows
from recsys.sources.neighbors import build_table, product_chunks
from recsys.sources.repeat import own_gain
from recsys.sources.scoring import Cost, SearchSpace
from recsys.sources.storage import Arrays

CHANGING_ASSORTMENT = {"fit_half_life_days": 30.0, "damping": 0.35, "cosine": 1.2}
"""A start for shops where the assortment turns: only what others took lately counts, and that they took it."""

RARE_VISITS = {"half_life_days": 150.0, "fit_half_life_days": 500.0, "damping": 0.3, "cosine": 0.8}
"""A start for shops whose shoppers come rarely: that they had a product counts, hardly how often (Beauty: validation
.0244 instead of .0241, the window after .0264 instead of .0261)."""


@dataclass(frozen=True)
class UserKNNConfig(ItemItemConfig):
    """score = own_weight · own frequency · (repeat rate / mean rate) ** rate_power + mean frequency of all shoppers, by
    cosine.

    `fit_half_life_days` decays the shoppers learnt from; `damping` is the power of their frequencies;
    `cosine` 1 divides by the whole norm, less lets busy shoppers speak louder. Good on groceries: half-life a
    year, step .97 a shopping day, own_weight 1.
    """

    half_life_days: float = 400.0
    step: float = 0.97
    gap_minutes: float = 1440.0
    own_weight: float = 1.0
    neighbors: int = 400
    fit_half_life_days: float = 600.0
    damping: float = 0.7
    cosine: float = 0.75
    rate_power: float = 0.3
    prior: float = 10.0


class UserKNN(ItemItem):
    """What the shopper takes again and what similar shoppers take."""

    name: ClassVar[str] = "user_knn"
    config_class: ClassVar[type[Config]] = UserKNNConfig
    config: UserKNNConfig
    HALF_LIFE: ClassVar[str] = "fit_half_life_days"
    cost: ClassVar[Cost] = "seconds"
    STARTS: ClassVar[tuple[dict[str, Any], ...]] = (
        {**REPEAT_START, "own_weight": 1.0},
        {**SESSION_START, "own_weight": 0.0},
        {**CHANGING_ASSORTMENT, "half_life_days": 30.0, "step": 0.98, "own_weight": 0.3},
        RARE_VISITS,
    )
    SEARCH_SPACE: ClassVar[SearchSpace] = {
        **ITEM_ITEM_SPACE,
        "own_weight": ("choice", [0.0, 0.3, 0.7, 1.0, 1.5, 3.0]),
        "fit_half_life_days": ("float", 7.0, 1500.0, True),
        "damping": ("float", 0.3, 1.0, False),
        "cosine": ("float", 0.3, 1.2, False),
        "rate_power": ("float", 0.0, 1.5, False),
    }

    def learn(self, interactions: Interactions, catalog: Catalog) -> Arrays:
        """Return the table sum_v (v/|v|)ᵀ v and `pull`, sum_v v/|v|, which turns sums into means."""
        c = self.config
        vectors = decayed_histories(interactions, catalog.n_items, half_life_days=c.fit_half_life_days)
        vectors.data **= c.damping
        norms = np.sqrt(np.asarray(vectors.multiply(vectors).sum(axis=1)).ravel())
        unit = scaled_rows(vectors, inverse_power(norms, c.cosine))
        own = own_gain(interactions, catalog.n_items, prior=c.prior, power=c.rate_power)
        found = build_table(product_chunks(unit.T.tocsr(), vectors), most=c.neighbors)
        return {**found.arrays(), "gain": own, "pull": np.asarray(unit.sum(axis=0), np.float32).ravel()}

    def scores(self, profile: Profile, context: Context) -> Floats:
        """Return own decayed frequencies plus the neighbors' mean."""
        found = query_of(profile, context, self.config, self.n_items)
        return self._mixed(self.table.gains(found, 1.0), found, self._own_weight(context)).astype(np.float32)

    def scores_many(self, profiles: Sequence[Profile], contexts: Sequence[Context]) -> Floats:
        """Return `scores` of all, by sparse products."""
        asked = list(zip(profiles, contexts, strict=True))
        found = [query_of(profile, context, self.config, self.n_items) for profile, context in asked]
        scores = np.empty((len(profiles), self.n_items), np.float32)
        for row, (sums, context) in enumerate(zip(self.table.gains_many(found, 1.0), contexts, strict=True)):
            scores[row] = self._mixed(sums, found[row], self._own_weight(context))
        return scores

    def _mixed(self, sums: Weights, found: Query, own_weight: float) -> Weights:
        """Return the sums turned, in place, into the neighbors' mean, with the shopper's own frequencies added."""
        codes, weights = found
        pull = float((self.arrays["pull"][codes] * weights).sum())
        if pull > 0:
            sums /= pull
        sums[codes] += own_weight * weights * self.arrays["gain"][codes]
        return sums

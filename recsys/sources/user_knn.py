"""User kNN for shops with repeat purchases (after TIFU-kNN); no shopper is stored.

Source: Hu, He, Gao, Zhang, "Modeling personalized item frequency information for next-basket recommendation", SIGIR
2020: the shopper's own decayed frequencies plus the mean of the neighbors'. An artifact must not hold a shopper's
vector (docs/adr/0011), so neighbors cannot be stored. If all shoppers are neighbors, weighted by cosine, none is
needed: sum_v cos(p, v) · v = p/|p| · sum_v (v/|v|)ᵀ v, an item-to-item table. On a grocery's year, 100 or 300 neighbors
instead of all change NDCG@10 by less than .001.
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
from recsys.sources.item_scores import ItemScores
from recsys.sources.matrix import decayed_histories, inverse_power, scaled_rows
from recsys.sources.neighbors import build_table, product_chunks
from recsys.sources.repeat import own_gain
from recsys.sources.scoring import Cost, SearchSpace
from recsys.sources.storage import Arrays

CHANGING_ASSORTMENT = {"fit_half_life_days": 30.0, "damping": 0.35, "cosine": 1.2}
"""Settings to start from where the assortment changes: a short half-life, and damped frequencies."""

RARE_VISITS = {"half_life_days": 150.0, "fit_half_life_days": 500.0, "damping": 0.3, "cosine": 0.8}
"""Settings to start from where shoppers come rarely: damped frequencies (NDCG@10 on Beauty: validation .0244 instead of
.0241, the next window .0264 instead of .0261)."""


@dataclass(frozen=True)
class UserKNNConfig(ItemItemConfig):
    """score = own_weight · own frequency · (repeat rate / mean rate) ** rate_power + mean frequency of other shoppers.

    The mean is weighted by cosine. `fit_half_life_days` decays the training histories; `damping` is the power of their
    frequencies. `cosine` is the power of the norm: below 1, busy shoppers count more. Good on groceries: a half-life of
    a year, step .97 per shopping day, own_weight 1.
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
    """The shopper's own items and those of similar shoppers."""

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
        """Return the neighbor table sum_v (v/|v|)ᵀ v, and `pull`, sum_v v/|v|, the divisor of means."""
        c = self.config
        vectors = decayed_histories(interactions, catalog.n_items, half_life_days=c.fit_half_life_days)
        vectors.data **= c.damping
        norms = np.sqrt(np.asarray(vectors.multiply(vectors).sum(axis=1)).ravel())
        unit = scaled_rows(vectors, inverse_power(norms, c.cosine))
        own = own_gain(interactions, catalog.n_items, prior=c.prior, power=c.rate_power)
        neighbors = build_table(product_chunks(unit.T.tocsr(), vectors), max_neighbors=c.neighbors)
        return {**neighbors.arrays(), "gain": own, "pull": np.asarray(unit.sum(axis=0), np.float32).ravel()}

    def item_scores(self, profile: Profile, context: Context) -> ItemScores:
        """Return the shopper's decayed frequencies plus the mean of the neighbors."""
        query = query_of(profile, context, self.config, self.n_items)
        pull = self._pull(query)
        codes, sums = self.table.sparse_gains(
            query, 1.0, more=self._frequencies(query, self._own_weight(context) * pull)
        )
        return ItemScores((sums / pull).astype(np.float32), codes)

    def scores_many(self, profiles: Sequence[Profile], contexts: Sequence[Context]) -> Floats:
        """Return `scores` of all profiles, by sparse products."""
        pairs = list(zip(profiles, contexts, strict=True))
        queries = [query_of(profile, context, self.config, self.n_items) for profile, context in pairs]
        scores = np.empty((len(profiles), self.n_items), np.float32)
        for row, (sums, context) in enumerate(zip(self.table.gains_many(queries, 1.0), contexts, strict=True)):
            pull, (codes, _) = self._pull(queries[row]), queries[row]
            sums[codes] += self._frequencies(queries[row], self._own_weight(context) * pull)
            scores[row] = sums / pull
        return scores

    def _pull(self, query: Query) -> float:
        """Return the divisor that turns sums into the mean of the neighbors; 1 where there are none."""
        codes, weights = query
        pull = float((self.arrays["pull"][codes] * weights).sum())
        return pull if pull > 0 else 1.0

    def _frequencies(self, query: Query, own_weight: float) -> Weights:
        """Return float64[n_codes]: what the shopper's own frequencies add."""
        codes, weights = query
        own: Weights = own_weight * weights * self.arrays["gain"][codes]
        return own

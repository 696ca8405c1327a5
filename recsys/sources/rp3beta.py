"""RP3beta: a random walk of three steps on the shopper-item graph, discounted by popularity.

Source: Paudel, Christoffel, Newell, Bernstein, "Updatable, accurate, diverse, and scalable recommendations for
interactive applications", TiiS 2017. The decay of matrix and profile is our addition.
"""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from recsys.arrays import Longs
from recsys.data.catalog import Catalog
from recsys.data.interactions import Interactions
from recsys.sources.base import Config
from recsys.sources.counted import PRODUCT_BITS, SharedSets, exact_column_sums, fixed_point, own_scores
from recsys.sources.decay import REPEAT_START
from recsys.sources.item_item import ITEM_ITEM_SPACE, CountedItemItem, ItemItemConfig
from recsys.sources.matrix import inverse_power, scaled_rows, user_item
from recsys.sources.neighbors import Neighbors, Rows
from recsys.sources.repeat import own_gain
from recsys.sources.scoring import Cost, SearchSpace
from recsys.sources.storage import Arrays

CHANGING_ASSORTMENT = {"alpha": 0.5, "beta": 0.05, "matrix_half_life_days": 75.0}
"""Settings to start from where the assortment changes: a short half-life, and hardly a discount for popularity."""


@dataclass(frozen=True)
class RP3betaConfig(ItemItemConfig):
    """`alpha` is the power of transition probabilities, `beta` discounts popular items.

    Good: alpha .5–1, beta .2–.6; matrix half-life 14–60 days where assortments change, none (0) where they stay.
    """

    alpha: float = 0.8
    beta: float = 0.4
    matrix_half_life_days: float = 180.0
    own_weight: float = 1.0
    rate_power: float = 0.5
    prior: float = 10.0


class RP3beta(CountedItemItem[SharedSets]):
    """A random walk from the shopper's items through other shoppers to their items."""

    name: ClassVar[str] = "rp3beta"
    config_class: ClassVar[type[Config]] = RP3betaConfig
    config: RP3betaConfig
    HALF_LIFE: ClassVar[str] = "matrix_half_life_days"
    cost: ClassVar[Cost] = "seconds"
    STARTS: ClassVar[tuple[dict[str, Any], ...]] = (
        *CountedItemItem.STARTS,
        {**REPEAT_START, "own_weight": 30.0, **CHANGING_ASSORTMENT},
    )
    SEARCH_SPACE: ClassVar[SearchSpace] = {
        **ITEM_ITEM_SPACE,
        "rate_power": ("float", 0.0, 1.5, False),
        "alpha": ("float", 0.3, 1.6, False),
        "beta": ("float", 0.0, 0.9, False),
        "matrix_half_life_days": ("float", 7.0, 1500.0, True),
    }

    def counts(self, interactions: Interactions, catalog: Catalog, changed: Longs | None = None) -> SharedSets:
        """Return counts and factors of (P_iu ** alpha) · (P_ui ** alpha) / all-time popularity ** beta.

        P_iu · P_ui is w_iu · w_ui / (popularity_i · total_u), so both share w / total_u ** .5.
        """
        alpha, days = self.config.alpha, self.config.matrix_half_life_days
        weights = user_item(interactions, catalog.n_items, half_life_days=days)
        # The discount uses undecayed popularity, so that rising items gain.
        usual = exact_column_sums(user_item(interactions, catalog.n_items))
        walks = scaled_rows(weights, inverse_power(np.asarray(weights.sum(axis=1)).ravel(), 0.5))
        walks.data **= alpha
        whole, exponent = fixed_point(walks, bits=PRODUCT_BITS)
        units = exponent - PRODUCT_BITS
        factors = inverse_power(exact_column_sums(weights), alpha), inverse_power(usual, self.config.beta)
        return SharedSets(whole, whole, *(np.ldexp(factor.astype(np.float64), units) for factor in factors))

    def arrays_of(self, rows: Rows, counts: SharedSets, interactions: Interactions) -> Arrays:
        """Return the table; an item's own score also follows its repeat rate."""
        gain = own_gain(interactions, len(counts.left), prior=self.config.prior, power=self.config.rate_power)
        return Neighbors(rows, own_scores(counts) * gain).arrays()

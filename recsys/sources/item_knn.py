"""Item kNN: cosine similarity of items over shoppers, shrunk for items with few shoppers."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from recsys.arrays import Longs
from recsys.data.catalog import Catalog
from recsys.data.interactions import Interactions
from recsys.sources.base import Config
from recsys.sources.counted import PRODUCT_BITS, SharedSets, fixed_point, own_scores, squares
from recsys.sources.decay import DECAY_SPACE, REPEAT_START, SESSION_START
from recsys.sources.item_item import CountedItemItem, ItemItemConfig
from recsys.sources.matrix import inverse_power, scaled_rows, user_item
from recsys.sources.neighbors import Neighbors, Rows
from recsys.sources.scoring import Cost, SearchSpace
from recsys.sources.storage import Arrays


@dataclass(frozen=True)
class ItemKNNConfig(ItemItemConfig):
    """`damping` is the power of the weights; `shopper_power` discounts busy shoppers; `balance` splits the norm.

    `balance` .5 is the cosine, 1 the share of i's shoppers who have j (favors popular items), 0 the reverse.
    """

    damping: float = 0.5
    shopper_power: float = 0.3
    balance: float = 0.5
    shrink: float = 10.0
    matrix_half_life_days: float = 365.0


class ItemKNN(CountedItemItem[SharedSets]):
    """Items of the same shoppers."""

    name: ClassVar[str] = "item_knn"
    config_class: ClassVar[type[Config]] = ItemKNNConfig
    config: ItemKNNConfig
    HALF_LIFE: ClassVar[str] = "matrix_half_life_days"
    cost: ClassVar[Cost] = "seconds"
    discovers: ClassVar[bool] = True
    STARTS: ClassVar[tuple[dict[str, Any], ...]] = (REPEAT_START, SESSION_START)
    SEARCH_SPACE: ClassVar[SearchSpace] = {
        **DECAY_SPACE,
        "damping": ("float", 0.0, 1.0, False),
        "shopper_power": ("float", 0.0, 1.0, False),
        "balance": ("float", 0.3, 0.9, False),
        "shrink": ("float", 0.1, 100.0, True),
        "matrix_half_life_days": ("float", 7.0, 1500.0, True),
    }

    def counts(self, interactions: Interactions, catalog: Catalog, changed: Longs | None = None) -> SharedSets:
        """Return overlaps and factors: overlap / (norm_i ** 2·balance · norm_j ** 2·(1 - balance)), shrunk by support.

        The support is the number of shoppers of j.
        """
        c = self.config
        weights = user_item(interactions, catalog.n_items, half_life_days=c.matrix_half_life_days)
        weights.data **= c.damping
        weights = scaled_rows(weights, inverse_power(np.asarray(weights.sum(axis=1)).ravel(), c.shopper_power))
        whole, exponent = fixed_point(weights, bits=PRODUCT_BITS)
        units = exponent - PRODUCT_BITS
        norms = np.ldexp(squares(whole), 2 * units)
        support = np.bincount(weights.indices, minlength=catalog.n_items)
        right = inverse_power(norms, 1 - c.balance).astype(np.float64) * support / (support + c.shrink)
        left = inverse_power(norms, c.balance).astype(np.float64)
        return SharedSets(whole, whole, np.ldexp(left, units), np.ldexp(right, units))

    def arrays_of(self, rows: Rows, counts: SharedSets, interactions: Interactions) -> Arrays:
        """Return the table."""
        return Neighbors(rows, own_scores(counts)).arrays()

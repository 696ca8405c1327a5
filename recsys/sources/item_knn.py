"""Item kNN: cosine similarity of items over shoppers, shrunk for items with few shoppers."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from recsys.arrays import Floats
from recsys.data.catalog import Catalog
from recsys.data.interactions import Interactions
from recsys.sources.base import Config
from recsys.sources.decay import DECAY_SPACE, REPEAT_START, SESSION_START
from recsys.sources.item_item import ItemItem, ItemItemConfig
from recsys.sources.matrix import (
    Matrix,
    inverse_power,
    scaled_columns,
    scaled_rows,
    user_item,
)
from recsys.sources.neighbors import build_table, product_chunks
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


class ItemKNN(ItemItem):
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

    def learn(self, interactions: Interactions, catalog: Catalog) -> Arrays:
        """Return the table of overlap / (norm_i ** 2·balance · norm_j ** 2·(1 - balance)), shrunk by support."""
        c = self.config
        weights = user_item(interactions, catalog.n_items, half_life_days=c.matrix_half_life_days)
        weights.data **= c.damping
        weights = scaled_rows(weights, inverse_power(np.asarray(weights.sum(axis=1)).ravel(), c.shopper_power))
        norms = np.asarray(weights.multiply(weights).sum(axis=0)).ravel()
        left = scaled_rows(weights.T.tocsr(), inverse_power(norms, c.balance))
        right = scaled_columns(weights, inverse_power(norms, 1 - c.balance))
        support = np.bincount(weights.indices, minlength=catalog.n_items).astype(np.float32)
        return build_table(product_chunks(left, right, _shrunk(support, c.shrink)), max_neighbors=c.neighbors).arrays()


def _shrunk(support: Floats, shrink: float) -> Callable[[Matrix], Matrix]:
    def finish(chunk: Matrix) -> Matrix:
        return scaled_columns(chunk, (support / (support + shrink)).astype(np.float32))

    return finish

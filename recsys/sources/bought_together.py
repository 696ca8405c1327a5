"""Bought together: products that share orders significantly more often than by chance."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from scipy.special import xlogy

from recsys.data.catalog import Catalog
from recsys.data.interactions import Interactions
from recsys.sources.base import Config
from recsys.sources.baskets import basket_item
from recsys.sources.item_item import ITEM_ITEM_SPACE, ItemItem, ItemItemConfig
from recsys.sources.matrix import Matrix
from recsys.sources.neighbors import build_table, product_chunks
from recsys.sources.scoring import Cost, Reason, SearchSpace, Use
from recsys.sources.storage import Arrays


@dataclass(frozen=True)
class BoughtTogetherConfig(ItemItemConfig):
    """Pairs need `least_orders` shared orders and a log-likelihood ratio of `significance`.

    3.84, 6.63 and 10.83 mean one false pair in 20, 100 and 1,000. score = log lift · n / (n + shrink), where n is the
    number of shared orders.
    """

    least_orders: int = 2
    significance: float = 6.63
    shrink: float = 5.0
    neighbors: int = 100


class BoughtTogether(ItemItem):
    """Significant lift over orders; the context is usually a cart."""

    name: ClassVar[str] = "bought_together"
    use: ClassVar[Use] = "placements"
    reason: ClassVar[Reason | None] = "bought_together"
    config_class: ClassVar[type[Config]] = BoughtTogetherConfig
    config: BoughtTogetherConfig
    cost: ClassVar[Cost] = "seconds"
    learns_taste: ClassVar[bool] = False
    unlearns: ClassVar[bool] = True
    SEARCH_SPACE: ClassVar[SearchSpace] = {
        **ITEM_ITEM_SPACE,
        "significance": ("choice", [2.71, 3.84, 6.63, 10.83]),
        "shrink": ("float", 0.5, 50.0, True),
    }

    def learn(self, interactions: Interactions, catalog: Catalog) -> Arrays:
        """Return the neighbor table of the shrunk log lift of significant pairs."""
        baskets = basket_item(interactions, catalog.n_items, purchases=True)
        own = np.ones(catalog.n_items, np.float32)
        return build_table(self.pairs(baskets), max_neighbors=self.config.neighbors, own=own).arrays()

    def pairs(self, baskets: Matrix) -> Iterator[Matrix]:
        """Yield csr chunks of item x item scores; 0 if a pair is rare, insignificant or has a lift below 1."""
        c, total = self.config, baskets.shape[0]
        # The differences of logarithms need double precision.
        counts = np.asarray(baskets.sum(axis=0), np.float64).ravel()
        start = 0
        for chunk in product_chunks(baskets.T.tocsr(), baskets):
            first = np.repeat(counts[start : start + chunk.shape[0]], np.diff(chunk.indptr))
            second, both = counts[chunk.indices], chunk.data.astype(np.float64)
            lift = both * total / (first * second)
            significant = likelihood_ratio(both, first, second, total) >= c.significance
            mask = (both >= c.least_orders) & (lift > 1) & significant
            chunk.data = np.where(mask, np.log(lift) * both / (both + c.shrink), 0).astype(np.float32)
            start += chunk.shape[0]
            yield chunk


def likelihood_ratio(both: Any, first: Any, second: Any, total: float) -> Any:
    """Return Dunning's log-likelihood ratio against independence of two items, from counts of orders.

    Source: Dunning, "Accurate methods for the statistics of surprise and coincidence", 1993.
    """
    cells = (both, first - both, second - both, total - first - second + both)
    inner = sum(xlogy(np.maximum(cell, 0), np.maximum(cell, 0)) for cell in cells)
    margins = (first, total - first, second, total - second)
    outer = sum(xlogy(margin, margin) for margin in margins)
    return np.maximum(0.0, 2 * (inner - outer + xlogy(total, total)))

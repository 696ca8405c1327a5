"""Bought together: products that share orders more often than chance explains."""

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

    3.84, 6.63 and 10.83 are one chance error in 20, 100 and 1,000 pairs. score = log lift · n / (n + shrink), n the
    shared orders: sure pairs before lucky ones.
    """

    least_orders: int = 2
    significance: float = 6.63
    shrink: float = 5.0
    neighbors: int = 100


class BoughtTogether(ItemItem):
    """Lift with significance over orders; with a cart as context, what goes with the cart."""

    name: ClassVar[str] = "bought_together"
    use: ClassVar[Use] = "placements"
    reason: ClassVar[Reason] = "bought_together"
    config_class: ClassVar[type[Config]] = BoughtTogetherConfig
    config: BoughtTogetherConfig
    cost: ClassVar[Cost] = "seconds"
    learns_taste: ClassVar[bool] = False
    SEARCH_SPACE: ClassVar[SearchSpace] = {
        **ITEM_ITEM_SPACE,
        "significance": ("choice", [2.71, 3.84, 6.63, 10.83]),
        "shrink": ("float", 0.5, 50.0, True),
    }

    def learn(self, interactions: Interactions, catalog: Catalog) -> Arrays:
        """Return the shrunk log lift of significant pairs."""
        baskets = basket_item(interactions, catalog.n_items, purchases=True)
        own = np.ones(catalog.n_items, np.float32)
        return build_table(self.pairs(baskets), most=self.config.neighbors, own=own).arrays()

    def pairs(self, baskets: Matrix) -> Iterator[Matrix]:
        """Yield csr chunks of item x item scores, 0 where a pair is rare, insignificant or repels."""
        c, total = self.config, baskets.shape[0]
        counts = np.asarray(baskets.sum(axis=0), np.float64).ravel()  # float32 loses what the logarithms leave
        start = 0
        for chunk in product_chunks(baskets.T.tocsr(), baskets):
            first = np.repeat(counts[start : start + chunk.shape[0]], np.diff(chunk.indptr))
            second, both = counts[chunk.indices], chunk.data.astype(np.float64)
            lift = both * total / (first * second)
            sure = likelihood_ratio(both, first, second, total) >= c.significance
            kept = (both >= c.least_orders) & (lift > 1) & sure
            chunk.data = np.where(kept, np.log(lift) * both / (both + c.shrink), 0).astype(np.float32)
            start += chunk.shape[0]
            yield chunk


def likelihood_ratio(both: Any, first: Any, second: Any, total: float) -> Any:
    """Return Dunning's log-likelihood ratio of two items' independence, from counts of orders.

    Source: Dunning, "Accurate methods for the statistics of surprise and coincidence", 1993.
    """
    cells = (both, first - both, second - both, total - first - second + both)
    inner = sum(xlogy(np.maximum(cell, 0), np.maximum(cell, 0)) for cell in cells)
    margins = (first, total - first, second, total - second)
    outer = sum(xlogy(margin, margin) for margin in margins)
    return np.maximum(0.0, 2 * (inner - outer + xlogy(total, total)))

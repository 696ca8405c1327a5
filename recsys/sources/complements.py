"""Complements: bought together, without substitutes and without variants of the same product."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from recsys.data.catalog import Catalog
from recsys.data.codes import codes_of
from recsys.data.interactions import Interactions
from recsys.data.signals import PURCHASE, SIGNAL_NAMES
from recsys.sources.base import Config
from recsys.sources.baskets import basket_item
from recsys.sources.bought_together import BoughtTogether, BoughtTogetherConfig
from recsys.sources.matrix import Matrix, inverse_power, scaled_rows
from recsys.sources.neighbors import build_table
from recsys.sources.popular import category_codes
from recsys.sources.scoring import Reason, Use
from recsys.sources.storage import Array, Arrays

VIEW_SIGNALS = [SIGNAL_NAMES.index(name) for name in ("view", "click", "engage")]


@dataclass(frozen=True)
class ComplementsConfig(BoughtTogetherConfig):
    """`same_category` is the factor for pairs of one category path, which are mostly alternatives.

    A pair is a substitute if the cosine similarity of its views in sessions is more than `substitute_ratio` times that
    of its purchases in orders.
    """

    same_category: float = 0.3
    substitute_ratio: float = 3.0


class Complements(BoughtTogether):
    """Products that complement the viewed product or the cart."""

    name: ClassVar[str] = "complements"
    use: ClassVar[Use] = "placements"
    reason: ClassVar[Reason | None] = "completes_cart"
    config_class: ClassVar[type[Config]] = ComplementsConfig
    config: ComplementsConfig

    def learn(self, interactions: Interactions, catalog: Catalog) -> Arrays:
        """Return the bought-together table without variants and substitutes, and with damped pairs of one category."""
        c, n = self.config, catalog.n_items
        orders = basket_item(interactions, n, purchases=True)
        chunks = self._completing(self.pairs(orders), orders, _sessions(interactions, n), catalog)
        return build_table(chunks, max_neighbors=c.neighbors, own=np.zeros(n, np.float32)).arrays()

    def _completing(
        self, pairs: Iterator[Matrix], orders: Matrix, sessions: Matrix, catalog: Catalog
    ) -> Iterator[Matrix]:
        ratio, start = self.config.substitute_ratio, 0
        looked, bought = _directions(sessions), _directions(orders)
        categories, groups = category_codes(catalog), codes_of(catalog.group_ids, catalog.n_items)
        for chunk in pairs:
            chunk.eliminate_zeros()
            first = np.repeat(np.arange(start, start + chunk.shape[0]), np.diff(chunk.indptr))
            factor = np.where(_same_code(categories, first, chunk.indices), self.config.same_category, 1.0)
            factor[_same_code(groups, first, chunk.indices)] = 0
            chunk.data = (chunk.data * factor).astype(np.float32)
            own = slice(start, start + chunk.shape[0])
            start = own.stop
            if looked[own].nnz:
                chunk = chunk - chunk.multiply((looked[own] @ looked.T) > ratio * (bought[own] @ bought.T))
            yield chunk.tocsr()


def _directions(sets: Matrix) -> Matrix:
    """Return csr float32[n_items, n_sets] with unit rows; the product of two rows is their cosine similarity."""
    norms = inverse_power(np.asarray(sets.sum(axis=0)).ravel(), 0.5)
    return scaled_rows(sets.T.tocsr(), norms)


def _same_code(codes: Array, first: Array, second: Array) -> Array:
    return np.asarray((codes[first] == codes[second]) & (codes[first] >= 0))


def _sessions(interactions: Interactions, n_items: int) -> Matrix:
    """Return csr float32[n_sessions, n_items] of viewed items that the shopper never bought: likely alternatives."""
    pairs = interactions.users * np.int64(n_items) + interactions.items
    bought = pairs[interactions.signals == PURCHASE]
    rows = np.isin(interactions.signals, VIEW_SIGNALS) & ~np.isin(pairs, bought)
    return basket_item(interactions.select(rows), n_items, purchases=False)

"""Substitutes: what a shopper might take instead, alike by category, words and attributes, or looked at instead."""

from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from scipy import sparse

from recsys.arrays import Bools, Floats
from recsys.data.catalog import Catalog
from recsys.data.codes import codes_of
from recsys.data.interactions import Interactions
from recsys.sources.base import Config
from recsys.sources.baskets import basket_item
from recsys.sources.bought_together import BoughtTogether, BoughtTogetherConfig
from recsys.sources.content import Content, ContentConfig
from recsys.sources.item_item import ITEM_ITEM_SPACE
from recsys.sources.matrix import Matrix
from recsys.sources.prices import proportion
from recsys.sources.scoring import Reason, SearchSpace, Use
from recsys.sources.storage import Array, Arrays
from recsys.sources.view_pairs import ViewPairs


@dataclass(frozen=True)
class SubstitutesConfig(ContentConfig):
    """Which products are alike, and how much.

    Products of one category path are. Products of neighboring paths are, by the factor `near`, if visits look at both
    significantly often (log-likelihood ratio `significance`) and orders do not hold both. Where a category is unknown,
    products are alike from a likeness of `least_likeness` on. score = (likeness of content + `looked_weight` · strength
    of the visits) · proportion of the prices.
    """

    popularity: float = 0.05
    looked_weight: float = 1.0
    significance: float = 10.83
    substitute_ratio: float = 3.0
    least_likeness: float = 0.3
    near: float = 0.25


class Substitutes(Content):
    """Products alike enough to replace the one looked at."""

    name: ClassVar[str] = "substitutes"
    use: ClassVar[Use] = "placements"
    reason: ClassVar[Reason | None] = "alike"
    config_class: ClassVar[type[Config]] = SubstitutesConfig
    config: SubstitutesConfig
    learns_taste: ClassVar[bool] = False
    SEARCH_SPACE: ClassVar[SearchSpace] = {**ITEM_ITEM_SPACE, "looked_weight": ("float", 0.0, 2.0, False)}

    def __init__(self, config: Any = None) -> None:
        super().__init__(config)
        self._relations = _Relations.of(Catalog(item_ids=()))

    def learn(self, interactions: Interactions, catalog: Catalog) -> Arrays:
        """Return the arrays of `content`, with a table of substitutes."""
        self._relations = _Relations.of(catalog, self._looked_instead(interactions, catalog.n_items))
        return super().learn(interactions, catalog)

    def extend(self, catalog: Catalog) -> Self:
        """Return a model that covers the added items of a larger catalog too, without a refit."""
        model = self.reconfigured()
        model._relations = _Relations.of(catalog)
        return super(Substitutes, model).extend(catalog)

    def _looked_instead(self, interactions: Interactions, n_items: int) -> Matrix:
        """Return csr float32[n_items, n_items] in [0, 1]: how strongly visits look at both, and orders do not."""
        views = ViewPairs(
            interactions,
            basket_item(interactions, n_items, purchases=True),
            n_items,
            ratio=self.config.substitute_ratio,
        )
        pairs = BoughtTogether(BoughtTogetherConfig(significance=self.config.significance)).pairs(views.visits)
        chunks, start = [], 0
        for chunk in pairs:
            instead = chunk.multiply(views.substitutes(slice(start, start + chunk.shape[0]))).tocsr()
            instead.data = (1 - np.exp(-instead.data)).astype(np.float32)
            start += chunk.shape[0]
            chunks.append(instead)
        return (
            sparse.vstack(chunks, format="csr") if chunks else sparse.csr_matrix((n_items, n_items), dtype=np.float32)
        )

    def _with_dense(self, chunk: Matrix, dense: Floats, block: slice, lift: Floats) -> Matrix:
        """Return the scores of the block's rows: of pairs that are alike only."""
        likeness = super()._with_dense(chunk, dense, block, lift)
        return self._relations.substitutes(likeness, block, self.config)


@dataclass(frozen=True)
class _Relations:
    """What decides whether two items are alike: codes of category paths and of the paths above, prices, visits."""

    category: Array
    above: Array
    prices: Array
    looked: Matrix

    @classmethod
    def of(cls, catalog: Catalog, looked: Matrix | None = None) -> "_Relations":
        """Return the relations of a catalog's items; without `looked`, csr float32[n, n], visits say nothing."""
        n = catalog.n_items
        above = tuple("/".join(path.split("/")[:-1]) for path in catalog.categories)
        prices = np.full(n, np.nan) if catalog.prices is None else catalog.prices.astype(np.float64)
        return cls(
            codes_of(catalog.categories, n),
            codes_of(above, n),
            prices,
            sparse.csr_matrix((n, n), dtype=np.float32) if looked is None else looked,
        )

    def substitutes(self, likeness: Matrix, rows: slice, config: SubstitutesConfig) -> Matrix:
        """Return csr float32[len(rows), n_items]: the scores of the alike ones among the pairs."""
        looked, first = self.looked[rows], self._first(self.looked[rows], rows)
        same, unknown = self._same(self.category, first, looked.indices), self._unknown(first, looked.indices)
        near = ~same & self._same(self.above, first, looked.indices)
        instead = self._with_data(looked, looked.data * np.where(near, config.near, same | unknown))
        first = self._first(likeness, rows)
        unknown = self._unknown(first, likeness.indices) & (likeness.data >= config.least_likeness)
        of_category = self._with_data(
            likeness, likeness.data * (self._same(self.category, first, likeness.indices) | unknown)
        )
        of_neighbors = likeness.multiply(self._with_data(looked, config.near * near))
        scores = (of_category + of_neighbors + np.float32(config.looked_weight) * instead).tocsr()
        first = self._first(scores, rows)
        return self._with_data(scores, scores.data * proportion(self.prices[scores.indices], self.prices[first]))

    def _unknown(self, first: Array, second: Array) -> Bools:
        return np.asarray((self.category[first] < 0) | (self.category[second] < 0), np.bool_)

    @staticmethod
    def _same(codes: Array, first: Array, second: Array) -> Bools:
        return np.asarray((codes[first] == codes[second]) & (codes[first] >= 0), np.bool_)

    @staticmethod
    def _first(chunk: Matrix, rows: slice) -> Array:
        return np.repeat(np.arange(rows.start, rows.start + chunk.shape[0]), np.diff(chunk.indptr))

    @staticmethod
    def _with_data(chunk: Matrix, data: Array) -> Matrix:
        result = sparse.csr_matrix((data.astype(np.float32), chunk.indices.copy(), chunk.indptr.copy()), chunk.shape)
        result.eliminate_zeros()
        return result

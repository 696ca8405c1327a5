"""Complements: bought together, without substitutes and without variants of the same product.

Few pairs of products share enough orders to prove anything. Pairs of categories do: where products are rarely bought,
the popular and fitting products of a category that goes with theirs are proposed too. Among complements those come
first that share attributes with what the shopper had.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy import sparse

from recsys.arrays import Floats, Longs
from recsys.data.catalog import Catalog
from recsys.data.codes import codes_of
from recsys.data.interactions import Interactions
from recsys.data.profile import Context, Profile
from recsys.sources import text
from recsys.sources.base import Config
from recsys.sources.baskets import basket_item
from recsys.sources.bought_together import BoughtTogether, BoughtTogetherConfig
from recsys.sources.category_pairs import CategoryPairs, CategoryPairsConfig
from recsys.sources.decay import history_query
from recsys.sources.item_scores import ItemScores
from recsys.sources.matrix import Matrix
from recsys.sources.neighbors import build_table
from recsys.sources.popular import category_codes
from recsys.sources.prices import FREE_OCTAVES, octaves
from recsys.sources.scoring import Reason, Use
from recsys.sources.storage import Array, Arrays
from recsys.sources.view_pairs import ViewPairs

MIN_PAIRS, USUAL_SHARE = 100, 0.85
"""The share of pairs bought together whose distance in price is usual, and how many pairs are needed to tell."""
COMMON_ATTRIBUTE = 0.5
"""An attribute that more than this share of all items has says nothing of taste."""


@dataclass(frozen=True)
class ComplementsConfig(BoughtTogetherConfig):
    """`same_category` is the factor for pairs of one category path, which are mostly alternatives.

    A pair is a substitute if the cosine similarity of its views in visits is more than `substitute_ratio` times that of
    its purchases in orders. `category_weight` is the weight of pairs of categories (`CategoryPairsConfig`). Scores are
    multiplied by 1 + `taste_weight` · the cosine of a product's attributes and the history's.
    """

    same_category: float = 0.3
    substitute_ratio: float = 3.0
    category_weight: float = 5.0
    taste_weight: float = 1.0
    most_categories: int = 10
    per_category: int = 40
    smoothing: float = 12.0
    direction_prior: float = 1.0

    @property
    def categories(self) -> CategoryPairsConfig:
        """The settings of pairs of categories."""
        return CategoryPairsConfig(self.most_categories, self.per_category, self.smoothing, self.direction_prior)


class Complements(BoughtTogether):
    """Products that complement the viewed product or the cart."""

    name: ClassVar[str] = "complements"
    use: ClassVar[Use] = "placements"
    reason: ClassVar[Reason | None] = "completes_cart"
    config_class: ClassVar[type[Config]] = ComplementsConfig
    config: ComplementsConfig
    SERVE_TIME: ClassVar[frozenset[str]] = BoughtTogether.SERVE_TIME | {"taste_weight"}

    def learn(self, interactions: Interactions, catalog: Catalog) -> Arrays:
        """Return the neighbor table, the attributes of each item, and the usual distance of complements in price."""
        attributes = _attribute_rows(catalog)
        return {
            **self._pair_arrays(interactions, catalog),
            "category": category_codes(catalog),
            "attribute_data": attributes.data,
            "attribute_columns": attributes.indices.astype(np.int32),
            "attribute_rows": attributes.indptr.astype(np.int64),
            "attribute_shape": np.array([attributes.shape[1]]),
        }

    def relearn(self, interactions: Interactions, catalog: Catalog, changed: Longs) -> Arrays:
        """Return what `learn` returns; the arrays of the catalog alone stay."""
        return {**self.arrays, **self._pair_arrays(interactions, catalog)}

    def _pair_arrays(self, interactions: Interactions, catalog: Catalog) -> Arrays:
        n = catalog.n_items
        orders = basket_item(interactions, n, purchases=True)
        pairs = list(self._significant_pairs(orders))
        free_octaves = _usual_octaves(pairs, catalog)
        chunks = self._completing(pairs, interactions, orders, catalog, free_octaves)
        table = build_table(chunks, max_neighbors=self.config.neighbors, own=np.zeros(n, np.float32))
        return {**table.arrays(), "free_octaves": np.array([free_octaves])}

    def _significant_pairs(self, orders: Matrix) -> Iterator[Matrix]:
        """Yield `pairs` without zeros, which are so few that all fit into memory."""
        for chunk in self.pairs(orders):
            chunk.eliminate_zeros()
            yield chunk

    def prepare(self) -> None:
        """Build the table, and the attributes of each item."""
        super().prepare()
        parts = (self.arrays["attribute_data"], self.arrays["attribute_columns"], self.arrays["attribute_rows"])
        self.attributes = sparse.csr_matrix(parts, shape=(self.n_items, int(self.arrays["attribute_shape"][0])))

    @property
    def free_octaves(self) -> float:
        """How far apart in price complements usually are, in powers of two."""
        return float(self.arrays["free_octaves"][0])

    def item_scores(self, profile: Profile, context: Context) -> ItemScores:
        """Return the scores of the context's complements, higher for those of the shopper's taste."""
        scores = super().item_scores(profile, context).all(self.n_items)
        return ItemScores(self._fitted_to(profile, context, scores))

    def scores_many(self, profiles: Sequence[Profile], contexts: Sequence[Context]) -> Floats:
        """Return `scores` of all profiles."""
        scores = super().scores_many(profiles, contexts)
        for row, (profile, context) in enumerate(zip(profiles, contexts, strict=True)):
            scores[row] = self._fitted_to(profile, context, scores[row])
        return scores

    def _fitted_to(self, profile: Profile, context: Context, scores: Floats) -> Floats:
        """Return the scores, lower for the categories of several lines, higher for attributes of the history."""
        lines = [item for item in context.items if 0 <= item < self.n_items]
        if len(lines) > 1:  # one line's own category counts little already
            category = self.arrays["category"]
            scores[np.isin(category, category[lines]) & (category >= 0)] *= np.float32(self.config.same_category)
        codes, weights = history_query(profile, self.config, self.n_items)
        if not context.items or not len(codes) or not self.attributes.nnz or not self.config.taste_weight:
            return scores
        proposed = np.flatnonzero(scores)
        taste = self.attributes[codes].T @ weights
        likeness = (self.attributes[proposed] @ taste) / max(float(np.linalg.norm(taste)), 1e-9)
        scores[proposed] *= (1 + self.config.taste_weight * likeness).astype(np.float32)
        return scores

    def _completing(
        self,
        pairs: Iterable[Matrix],
        interactions: Interactions,
        orders: Matrix,
        catalog: Catalog,
        free_octaves: float,
    ) -> Iterator[Matrix]:
        """Yield csr chunks of rows of pairs of products and of categories, without variants and substitutes."""
        c, start = self.config, 0
        views = ViewPairs(interactions, orders, catalog.n_items, ratio=c.substitute_ratio)
        categories, groups = category_codes(catalog), codes_of(catalog.group_ids, catalog.n_items)
        by_category = CategoryPairs(
            self.pairs, orders, interactions, catalog, config=c.categories, free_octaves=free_octaves
        )
        for chunk in pairs:
            own = slice(start, start + chunk.shape[0])
            first = np.repeat(np.arange(own.start, own.stop), np.diff(chunk.indptr))
            same_category = _same_code(categories, first, chunk.indices)
            chunk.data *= np.where(same_category, c.same_category, 1.0).astype(np.float32)
            # Two orders prove a pair of products by chance; their categories have more orders.
            chunk.data *= by_category.support(first, chunk.indices) ** 2
            chunk = (chunk + np.float32(c.category_weight) * by_category.scores(own)).tocsr()
            first = np.repeat(np.arange(own.start, own.stop), np.diff(chunk.indptr))
            chunk.data *= by_category.direction(first, chunk.indices) * by_category.fit(first, chunk.indices)
            chunk.data[_same_code(groups, first, chunk.indices)] = 0
            start = own.stop
            if views.visits.nnz:
                chunk = chunk - chunk.multiply(views.substitutes(own))
            yield chunk.tocsr()


def _usual_octaves(pairs: Iterable[Matrix], catalog: Catalog) -> float:
    """Return the distance in price that most pairs bought together keep; `FREE_OCTAVES` at least, and for few."""
    if catalog.prices is None:
        return FREE_OCTAVES
    distances, start = [np.empty(0)], 0
    for chunk in pairs:
        first = np.repeat(np.arange(start, start + chunk.shape[0]), np.diff(chunk.indptr))
        has_prices = (catalog.prices[chunk.indices] > 0) & (catalog.prices[first] > 0)
        distances.append(octaves(catalog.prices[chunk.indices][has_prices], catalog.prices[first][has_prices]))
        start += chunk.shape[0]
    all_distances = np.concatenate(distances)
    if len(all_distances) < MIN_PAIRS:
        return FREE_OCTAVES
    return max(FREE_OCTAVES, float(np.quantile(all_distances, USUAL_SHARE)))


def _attribute_rows(catalog: Catalog) -> Matrix:
    """Return csr float32[n_items, n_attributes]: unit rows of the attributes and brands that some items share."""
    bags = text.taste_bags(catalog)
    columns = text.build_vocabulary(bags, most_common=max(2, int(COMMON_ATTRIBUTE * catalog.n_items)), largest=30_000)
    return text.unit_rows(text.tfidf(bags, columns)[0])


def _same_code(codes: Array, first: Array, second: Array) -> Array:
    return np.asarray((codes[first] == codes[second]) & (codes[first] >= 0))

"""Complements by pairs of categories: what a product is bought with, where few orders hold the product itself. Pure.

Which categories go together, orders prove. Where few orders do, attributes that whole categories share help, as a room:
the factors of pairs with the same value, and with different ones, are learned from all orders. Which product of the
other category is taken, is estimated from the carts of the product, smoothed by what such pairs share in this shop:
attributes (a style), the price tier, popularity.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from scipy import sparse

from recsys.arrays import Bools, Doubles, Floats, Ints, Longs
from recsys.data.catalog import Catalog
from recsys.data.codes import codes_of
from recsys.data.interactions import Interactions
from recsys.data.signals import CART, SIGNAL_CODES
from recsys.sources.covisitation import follower_pairs
from recsys.sources.matrix import Matrix, top_k_per_row
from recsys.sources.neighbors import without_diagonal
from recsys.sources.prices import proportion
from recsys.sources.storage import Array

ADDED = (CART, SIGNAL_CODES["checkout"])
POPULARITY_POWER = 0.1
TIER_SPREAD = 0.5
"""The distance in price tier (0 the cheapest of a category, 1 the dearest) at which a pair counts 1 / e."""
MOST_KEYS = 16
"""Attributes, by the number of products that have them, that are compared."""
PSEUDO_PAIRS = 20.0
"""Pairs added to what attributes share, as if they shared it by chance."""
LEAST_SUPPORT = 0.3
"""The support of two products whose categories do not go together, or hardly."""
DEPARTMENT_SHARE = 0.9
"""An attribute is a department's if this share of the items of each category has the category's usual value."""
LEARNING_ROWS = 2_048
"""Products, those of most orders, from which is learned what pairs share."""


@dataclass(frozen=True, slots=True)
class CategoryPairsConfig:
    """`most_categories` partners of each category count, and of each the `per_category` products in most orders.

    `smoothing` is the weight, in orders, of what is expected of a pair against what its own orders say;
    `direction_prior` the number of pseudo counts of what comes into carts before and after.
    """

    most_categories: int = 10
    per_category: int = 40
    smoothing: float = 12.0
    direction_prior: float = 1.0


class CategoryPairs:
    """Scores of products by pairs of categories; items without a category have none."""

    def __init__(
        self,
        pairs: Callable[[Matrix], Iterator[Matrix]],
        orders: Matrix,
        interactions: Interactions,
        catalog: Catalog,
        *,
        config: CategoryPairsConfig,
        free_octaves: float,
    ) -> None:
        self._config, self._free_octaves = config, free_octaves
        self._prices = None if catalog.prices is None else catalog.prices.astype(np.float64)
        self._category = codes_of(catalog.categories, catalog.n_items)
        self._tiers = price_tiers(self._prices, self._category)
        n = self._n_categories = max(1, int(self._category.max(initial=-1)) + 1)
        rows = np.flatnonzero(self._category >= 0)
        cells = (np.ones(len(rows), np.float32), (rows, self._category[rows]))
        self._membership = sparse.csr_matrix(cells, shape=(catalog.n_items, n))
        by_order = (orders @ self._membership).tocsr()
        by_order.data[:] = 1
        chunks = list(pairs(by_order)) or [sparse.csr_matrix((n, n), dtype=np.float32)]
        strengths = without_diagonal(sparse.vstack(chunks, format="csr"), 0)
        self._strengths = top_k_per_row(strengths, config.most_categories)
        counts = np.asarray(orders.sum(axis=0)).ravel()
        self._popular = ((1.0 + counts) ** POPULARITY_POWER).astype(np.float32)
        self._best = self._best_of_each(counts)
        added = interactions.select(np.isin(interactions.signals, ADDED))
        once = replace(added, weights=np.ones(len(added), np.float32))
        after = follower_pairs(once, catalog.n_items).tocsr()
        self._categories_after = (self._membership.T @ after @ self._membership).tocsr()
        self._group, in_group = _variants(catalog)
        by_group = (orders @ in_group).tocsr()
        self._orders, self._in_orders = by_group, by_group.T.tocsr()
        self._after = (in_group.T @ after @ in_group).tocsr()
        self._keys = _attribute_columns(catalog)
        self._lifts = [(1.0, 1.0)] * len(self._keys)
        self._lifts = self._learned_lifts(np.argsort(-counts, kind="stable")[:LEARNING_ROWS])
        departments = [codes for codes in self._keys if _is_department(codes, self._category)]
        self._departments = [(codes, *self._department_lifts(orders, codes)) for codes in departments]

    def scores(self, rows: slice) -> Matrix:
        """Return csr float32[len(rows), n_items]: strength of the categories · estimated share of the product."""
        items = np.arange(rows.start, rows.stop)
        pattern, first, second = self._pattern(items)
        key, expected = self._expected(first, second, len(items), items)
        evidence = self._evidence(items, pattern, second)
        totals = np.bincount(key, evidence, len(items) * self._n_categories)[key]
        share = (evidence + self._config.smoothing * expected) / (totals + self._config.smoothing)
        data = pattern.data * share
        return sparse.csr_matrix((data.astype(np.float32), pattern.indices, pattern.indptr), shape=pattern.shape)

    def direction(self, first: Array, second: Array) -> Floats:
        """Return float32[n] in (0, 2): twice the shrunk share of carts in which the second category came later."""
        a, b = self._category[first], self._category[second]
        factors = np.ones(len(a), np.float32)
        has_both = np.flatnonzero((a >= 0) & (b >= 0))
        if self._categories_after.nnz and len(has_both):
            pairs, inverse = np.unique(a[has_both] * np.int64(self._n_categories) + b[has_both], return_inverse=True)
            x, y = pairs // self._n_categories, pairs % self._n_categories
            after = np.asarray(self._categories_after[x, y], np.float64).ravel()
            before = np.asarray(self._categories_after[y, x], np.float64).ravel()
            prior = self._config.direction_prior
            factors[has_both] = (2 * (after + prior) / (after + before + 2 * prior))[inverse]
        return factors

    def fit(self, first: Array, second: Array) -> Floats:
        """Return float32[n], how much oftener than by chance orders hold pairs of such departments, as rooms."""
        factors = np.ones(len(first))
        for codes, same, other in self._departments:
            match, has_both = _shared(codes, first, second)
            factors *= np.where(has_both, np.where(match, same, other), 1.0)
        return factors.astype(np.float32)

    def support(self, first: Array, second: Array) -> Floats:
        """Return float32[n] in (0, 1]: the strength of the categories, over that of the first one's best partner.

        1 where a category is unknown, is the same, or has no partner.
        """
        a, b = self._category[first], self._category[second]
        best = np.asarray(self._strengths.max(axis=1).todense(), np.float64).ravel()
        factors, compares = np.ones(len(a), np.float32), (a >= 0) & (b >= 0) & (a != b)
        compares[compares] = best[a[compares]] > 0
        if compares.any():
            strengths = np.asarray(self._strengths[a[compares], b[compares]], np.float64).ravel()
            factors[compares] = np.maximum(strengths / best[a[compares]], LEAST_SUPPORT)
        return factors

    def _department_lifts(self, orders: Matrix, codes: Ints) -> tuple[float, float]:
        """Return the factors of two lines of different categories with the same value, and with different values."""
        is_known = (codes >= 0) & (self._category >= 0)
        lines = orders[:, np.flatnonzero(is_known)].tocsr()
        lines.data = np.ones_like(lines.data)
        counts = np.asarray(lines.sum(axis=0), np.float64).ravel()
        (same_value, same_value_by_chance), (same_category, same_category_by_chance), (pairs, pairs_by_chance) = (
            _pairs_within(lines, counts, own)
            for own in (codes[is_known], self._category[is_known], np.zeros(int(is_known.sum()), np.int32))
        )
        total, total_by_chance = pairs - same_category, max(pairs_by_chance - same_category_by_chance, 1e-12)
        chance = min(max((same_value_by_chance - same_category_by_chance) / total_by_chance, 0.0), 1.0)
        same = max(same_value - same_category, 0.0)
        other, other_by_chance = total - same, total * (1 - chance)
        return (
            (same + PSEUDO_PAIRS) / (total * chance + PSEUDO_PAIRS),
            (other + PSEUDO_PAIRS) / (other_by_chance + PSEUDO_PAIRS),
        )

    def _pattern(self, items: Array) -> tuple[Matrix, Array, Array]:
        """Return csr [len(items), n_items] of the strengths of the categories, and the items of each entry."""
        pattern = (self._membership[items] @ self._strengths @ self._best).tocsr()
        pattern.sort_indices()
        return pattern, np.repeat(items, np.diff(pattern.indptr)), pattern.indices

    def _expected(self, first: Array, second: Array, n_rows: int, items: Array) -> tuple[Array, Doubles]:
        """Return the group (row, category) of each pair, and what share of its group is expected of it."""
        weights = self._popular[second].astype(np.float64)
        for codes, (same, other) in zip(self._keys, self._lifts, strict=True):
            match, has_both = _shared(codes, first, second)
            weights *= np.where(has_both, np.where(match, same, other), 1.0)
        gap = np.nan_to_num(self._tiers[second] - self._tiers[first]) / TIER_SPREAD
        weights *= np.exp(-(gap**2))
        if self._prices is not None:
            weights *= proportion(self._prices[second], self._prices[first], free_octaves=self._free_octaves)
        place = np.zeros(len(self._category), np.int64)
        place[items] = np.arange(n_rows)
        key: Longs = place[first] * self._n_categories + self._category[second]
        totals = np.bincount(key, weights, n_rows * self._n_categories)
        return key, weights / np.maximum(totals[key], 1e-12)

    def _evidence(self, items: Array, pattern: Matrix, second: Array) -> Doubles:
        """Return float64[pattern.nnz]: orders with both products, and carts into which the second came later.

        Variants of one product share their evidence.
        """
        groups = self._group[items]
        together = ((self._in_orders[groups] @ self._orders) + self._after[groups]).tocsr()
        together.sort_indices()
        starts = np.arange(len(items)) * np.int64(together.shape[1])
        own = np.repeat(starts, np.diff(together.indptr)) + together.indices
        pair_keys = np.repeat(starts, np.diff(pattern.indptr)) + self._group[second]
        places = np.minimum(np.searchsorted(own, pair_keys), max(0, len(own) - 1))
        if not len(own):
            return np.zeros(len(pair_keys))
        return np.asarray(np.where(own[places] == pair_keys, together.data[places], 0.0), np.float64)

    def _learned_lifts(self, items: Array) -> list[tuple[float, float]]:
        """Return for each attribute the factors of pairs that share its value, and that do not: against chance."""
        pattern, first, second = self._pattern(items)
        if not pattern.nnz:
            return self._lifts
        key, expected = self._expected(first, second, len(items), items)
        evidence = self._evidence(items, pattern, second)
        by_chance = expected * np.bincount(key, evidence, len(items) * self._n_categories)[key]
        lifts = []
        for codes in self._keys:
            match, has_both = _shared(codes, first, second)
            ratios = []
            for mask in (match & has_both, ~match & has_both):
                chance = float(by_chance[mask].sum())
                ratios.append((float(evidence[mask].sum()) + PSEUDO_PAIRS) / (chance + PSEUDO_PAIRS))
            lifts.append((ratios[0], ratios[1]))
        return lifts

    def _best_of_each(self, counts: Array) -> Matrix:
        """Return csr [n_categories, n_items] of ones: the items of each category in most orders."""
        order = np.lexsort((-counts, self._category))
        sorted_codes = self._category[order]
        place = np.arange(len(order)) - np.searchsorted(sorted_codes, sorted_codes)
        chosen = order[(place < self._config.per_category) & (sorted_codes >= 0)]
        cells = (np.ones(len(chosen), np.float32), (self._category[chosen], chosen))
        return sparse.csr_matrix(cells, shape=(self._n_categories, len(self._category)))


def price_tiers(prices: Doubles | None, categories: Ints) -> Doubles:
    """Return float64[n]: the place of the logarithm of the price between the extremes of its category, 0 to 1.

    NaN where price or category are unknown, or all prices of the category are equal.
    """
    tiers = np.full(len(categories), np.nan)
    has_both = np.zeros(len(categories), np.bool_) if prices is None else (prices > 0) & (categories >= 0)
    if prices is None or not has_both.any():
        return tiers
    n, codes, logs = int(categories.max()) + 1, categories[has_both], np.log(prices[has_both])
    low, high = np.full(n, np.inf), np.full(n, -np.inf)
    np.minimum.at(low, codes, logs)
    np.maximum.at(high, codes, logs)
    width = (high - low)[codes]
    tiers[has_both] = np.divide(logs - low[codes], width, out=np.full(len(codes), np.nan), where=width > 0)
    return tiers


def _attribute_columns(catalog: Catalog) -> list[Ints]:
    """Return int32[n_items] of each attribute that most items have, and of the brand: the code of the value, or -1.

    Of several values of one attribute the first counts.
    """
    columns: dict[str, list[str]] = {}
    for item, own in enumerate(catalog.attributes):
        for text in reversed(own):
            name, _, value = text.partition("=")
            columns.setdefault(name, [""] * catalog.n_items)[item] = value
    largest = sorted(columns, key=lambda name: (columns[name].count(""), name))[:MOST_KEYS]
    values = [columns[name] for name in largest]
    return [codes_of(own, catalog.n_items) for own in ([*values, catalog.brands] if catalog.brands else values)]


def _is_department(codes: Ints, categories: Ints) -> bool:
    """Return whether the items of a category have one value, and the categories more than one."""
    is_known = (codes >= 0) & (categories >= 0)
    if not is_known.any():
        return False
    pairs, counts = np.unique(np.stack([categories[is_known], codes[is_known]]), axis=1, return_counts=True)
    largest = np.zeros(int(categories.max()) + 1, np.int64)
    np.maximum.at(largest, pairs[0], counts)
    n_values, n_categories = len(np.unique(pairs[1])), len(np.unique(pairs[0]))
    return bool(largest.sum() >= DEPARTMENT_SHARE * counts.sum()) and 1 < n_values < n_categories


def _pairs_within(lines: Matrix, counts: Doubles, codes: Ints) -> tuple[float, float]:
    """Return how many pairs of lines of one order have the same code, and the same of all lines mixed."""
    n = int(codes.max(initial=-1)) + 1
    cells = (np.ones(len(codes)), (np.arange(len(codes)), codes))
    of_codes = (lines @ sparse.csr_matrix(cells, shape=(len(codes), max(1, n)))).tocsr()
    return float((of_codes.data.astype(np.float64) ** 2).sum()), float((np.bincount(codes, counts) ** 2).sum())


def _variants(catalog: Catalog) -> tuple[Array, Matrix]:
    """Return int64[n_items], the group of each item, and csr [n_items, n_groups] of ones; one alone is a group."""
    n = catalog.n_items
    codes = codes_of(catalog.group_ids, n).astype(np.int64)
    single = codes < 0
    codes[single] = codes.max(initial=-1) + 1 + np.arange(int(single.sum()))
    cells = (np.ones(n, np.float32), (np.arange(n), codes))
    return codes, sparse.csr_matrix(cells, shape=(n, int(codes.max(initial=-1)) + 1))


def _shared(codes: Ints, first: Array, second: Array) -> tuple[Bools, Bools]:
    """Return whether the values are equal, and whether both are known."""
    a, b = codes[first], codes[second]
    return np.asarray(a == b, np.bool_), np.asarray((a >= 0) & (b >= 0), np.bool_)

"""Statistics of items, equal for all shoppers: popularity at several half-lives, trend, age, repeat rate, price.

They are computed from interactions up to a moment, never later ones. They are columns, so that a request only indexes.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
from numpy.typing import NDArray

from recsys.arrays import (
    Bools,
    Doubles,
    Floats,
    Ints,
    Times,
)
from recsys.compiled import frozen
from recsys.data.catalog import Catalog
from recsys.data.codes import codes_of
from recsys.data.counting_sort import order_by
from recsys.data.interactions import DAY, Interactions
from recsys.data.signals import PURCHASE, RATING
from recsys.ranking.item_columns import CATEGORICALS, ItemColumns
from recsys.ranking.predicted_ratings import RatingPredictor

HALF_LIVES = (1.0, 7.0, 28.0, 90.0, 365.0)
COLUMNS = (
    *(f"popular_{int(days)}d" for days in HALF_LIVES),
    "popular_ever",
    "shoppers",
    "trend_7_28",
    "trend_28_90",
    "trend_90_365",
    "repeat_rate",
    "repeat_times",
    "bought_share",
    "stars",
    "price",
    "price_in_category",
    "category_popular",
    "brand_popular",
    "share_of_category",
    "velocity",
    "category_velocity",
    "category_newness",
)
NOT_YET_PRESENT = -2
"""The category code of products that have not appeared yet; -1 is a product without category."""
AGE_PRIOR_DAYS = 7.0
"""Added to an item's age in its velocity, so that one shopper on the first day does not look like a trend."""


@dataclass(frozen=True)
class ItemStatistics:
    """Columns over item codes; `table` is float32[n_items, len(COLUMNS)], NaN where unknown.

    `born` is when the item appeared (catalog, else first interaction, else NaN), `last` its latest interaction. `gap`
    is the mean seconds between two days on which one shopper touched it. Codes of category, department, brand and
    variant group are -1 where missing. Without a category, the category's popularity is 0 and the item's share of it
    is huge; its price and newness are ranked among products without one. Attributes are in compressed rows: those of
    item i are `attributes[starts[i]:starts[i + 1]]`, with their `rarity` by code.
    """

    table: Floats
    born: Times
    last: Times
    gap: Times
    category: Ints
    department: Ints
    brand: Ints
    group: Ints
    starts: NDArray[np.int64]
    attributes: Ints
    rarity: Floats
    until: float
    stars: RatingPredictor | None = None
    """The rating predictor; None where there are no ratings, or all are equal."""

    @property
    def n_items(self) -> int:
        """How many items there are."""
        return len(self.born)

    @cached_property
    def columns(self) -> ItemColumns:
        """What features read, for compiled code."""
        codes = np.stack([getattr(self, name) for name in CATEGORICALS])
        arrays = (self.born, self.last, self.gap, codes, codes.max(axis=1, initial=-1).astype(np.int64) + 1)
        prices, popular = (self.table[:, COLUMNS.index(name)].astype(np.float64) for name in ("price", "popular_365d"))
        attributes = (self.starts, self.attributes, self.rarity)
        return ItemColumns(*map(frozen, (*arrays, prices, popular, *attributes, self.table)))

    @classmethod
    def fit(cls, interactions: Interactions, catalog: Catalog, *, until: float, rated: bool = True) -> Self:
        """Return the statistics as of `until`; later interactions are ignored, so they cannot leak.

        Without `rated` no rating predictor is fitted, which takes longer than everything else.
        """
        is_past = interactions.times <= until
        items, times, users = interactions.items[is_past], interactions.times[is_past], interactions.users[is_past]
        weights = interactions.weights[is_past].astype(np.float64)
        categoricals = categorical_codes(catalog)
        born, last = _lifetimes(items, times, catalog)
        popularity = _popularity(items, times, weights, n_items=catalog.n_items, until=until)
        repeat_rate, repeat_times, gap, shoppers = _repeats(users, items, times, n_items=catalog.n_items)
        signals, values = interactions.signals[is_past], interactions.values[is_past]
        prices = catalog.prices if catalog.prices is not None else np.full(catalog.n_items, np.nan, np.float32)
        by_category = _group_sums(popularity[:, 3], categoricals["category"])
        velocity = _velocity(shoppers, born, until=until)
        is_present = _is_present(catalog, born)
        columns = [
            np.log1p(popularity),
            np.log1p(shoppers)[:, None],
            _trends(popularity),
            repeat_rate[:, None],
            repeat_times[:, None],
            _mean(items, (signals == PURCHASE).astype(np.float64), catalog.n_items)[:, None],
            _mean(items[signals == RATING], values[signals == RATING].astype(np.float64), catalog.n_items)[:, None],
            np.log1p(prices)[:, None],
            price_in_category(prices, categoricals["category"])[:, None],
            np.log1p(by_category)[:, None],
            np.log1p(_group_sums(popularity[:, 3], categoricals["brand"]))[:, None],
            (popularity[:, 3] / np.maximum(by_category, 1e-9))[:, None],
            velocity[:, None],
            (_group_sums(velocity, categoricals["category"]) / _group_sizes(categoricals["category"]))[:, None],
            _newness_rank(born, np.where(is_present, categoricals["category"], NOT_YET_PRESENT))[:, None],
        ]
        starts, attributes, rarity = attribute_rows(catalog, n_known=int(is_present.sum()))
        return cls(
            table=np.concatenate(columns, axis=1).astype(np.float32),
            born=born,
            last=last,
            gap=gap,
            starts=starts,
            attributes=attributes,
            rarity=rarity,
            until=until,
            stars=RatingPredictor.fit(interactions, catalog.n_items, until=until) if rated else None,
            **categoricals,
        )


def categorical_codes(catalog: Catalog) -> dict[str, Ints]:
    """Return int32[n_items] codes of category, department, brand and variant group, -1 where missing."""
    n = catalog.n_items
    return {
        "category": codes_of(catalog.categories, n),
        "department": codes_of(tuple(map(department, catalog.categories)), n),
        "brand": codes_of(catalog.brands, n),
        "group": codes_of(catalog.group_ids, n),
    }


def department(path: str) -> str:
    """Return the top-level category of a path."""
    return path.split("/", 1)[0]


def _lifetimes(items: Ints, times: Times, catalog: Catalog) -> tuple[Times, Times]:
    first, last = np.full(catalog.n_items, np.inf), np.full(catalog.n_items, -np.inf)
    np.minimum.at(first, items, times)
    np.maximum.at(last, items, times)
    first[np.isinf(first)] = np.nan
    last[np.isinf(last)] = np.nan
    if catalog.first_seen is not None:
        first = np.where(np.isnan(catalog.first_seen), first, catalog.first_seen)
    return first, last


def _is_present(catalog: Catalog, born: Times) -> Bools:
    """Return bool[n_items]: the items that have appeared by the catalog's moment.

    An item with any description has appeared. Of later items the catalog holds only the code (`Catalog.at`), and
    their number is not known yet. Without any description, as in a history without products, touched items have
    appeared. In a catalog with descriptions and without `first_seen`, all items have.
    """
    described = catalog.has_text()
    if catalog.first_seen is None and described.any():
        return np.ones(catalog.n_items, bool)
    is_present: Bools = ~np.isnan(born) | described
    return is_present


def _popularity(items: Ints, times: Times, weights: Doubles, *, n_items: int, until: float) -> Doubles:
    age = (until - times) / DAY
    decayed = [np.bincount(items, weights * 0.5 ** (age / days), n_items) for days in HALF_LIVES]
    return np.stack([*decayed, np.bincount(items, weights, n_items)], axis=1)


def _trends(popularity: Doubles) -> Doubles:
    """Return float64[n_items, 3]: the rate per day at a half-life over that at the next longer; above 1 it rises."""
    rates = popularity[:, :5] / np.asarray(HALF_LIVES)
    trend: Doubles = rates[:, 1:4] / np.maximum(rates[:, 2:5], 1e-9)
    trend[popularity[:, 5] <= 0] = np.nan
    return trend


def _repeats(users: Ints, items: Ints, times: Times, *, n_items: int) -> tuple[Doubles, Doubles, Doubles, Doubles]:
    """Return per item: share of shoppers who repeat it, mean days per shopper, mean gap (seconds), shoppers."""
    order = order_by(users, items)  # a shopper's rows are sorted by time
    users, items, times = users[order], items[order], times[order]
    is_first = (np.diff(users, prepend=-1) != 0) | (np.diff(items, prepend=-1) != 0)
    starts, is_new_day = np.flatnonzero(is_first), is_first | (np.diff(times // DAY, prepend=-np.inf) != 0)
    visits = np.bincount(np.cumsum(is_first)[is_new_day] - 1, minlength=len(starts)).astype(np.float64)
    span = times[np.append(starts[1:], len(times))[: len(starts)] - 1] - times[starts]
    item = items[starts]
    shoppers = np.bincount(item, minlength=n_items).astype(np.float64)
    is_repeated = visits > 1
    gaps = np.bincount(item[is_repeated], span[is_repeated], n_items) / np.maximum(
        np.bincount(item[is_repeated], visits[is_repeated] - 1, n_items), 1
    )
    n_or_one = np.maximum(shoppers, 1)
    rate, mean = np.bincount(item, is_repeated, n_items) / n_or_one, np.bincount(item, visits, n_items) / n_or_one
    return rate, mean, np.where(gaps > 0, gaps, np.nan), shoppers


def _mean(items: Ints, values: Doubles, n_items: int) -> Doubles:
    count = np.bincount(items, minlength=n_items)
    with np.errstate(invalid="ignore"):
        mean: Doubles = np.bincount(items, values, n_items) / np.where(count, count, np.nan)
    return mean


def _group_sums(values: Doubles, codes: Ints) -> Doubles:
    sums: Doubles = np.bincount(codes + 1, values, 1).astype(np.float64)
    sums[0] = 0.0
    total: Doubles = sums[codes + 1]
    return total


def _group_sizes(codes: Ints) -> Doubles:
    return _group_sums(np.ones(len(codes)), codes).clip(min=1.0)


def _velocity(shoppers: Doubles, born: Times, *, until: float) -> Doubles:
    """Return log(1 + shoppers per 30 days of age)."""
    age = np.where(np.isnan(born), 0.0, np.maximum(until - born, 0.0) / DAY)
    speed: Doubles = np.log1p(30.0 * shoppers / (age + AGE_PRIOR_DAYS))
    return speed


def _newness_rank(born: Times, category: Ints) -> Doubles:
    """Return each item's rank by newness within its category: 0 is the newest; items of unknown age come first."""
    order = np.lexsort((-np.where(np.isnan(born), np.inf, born), category))
    place = np.empty(len(born), np.float64)
    place[order] = np.arange(len(born)) - np.searchsorted(category[order], category[order])
    return place


def price_in_category(prices: Floats, category: Ints) -> Doubles:
    """Return the z-score of the logarithm of the price within the category."""
    log_prices = np.log1p(prices.astype(np.float64))
    has_price = ~np.isnan(log_prices)
    n = int(category.max(initial=-1)) + 2
    count = np.maximum(np.bincount(category[has_price] + 1, minlength=n), 1)
    mean = np.bincount(category[has_price] + 1, log_prices[has_price], n) / count
    square = np.bincount(category[has_price] + 1, log_prices[has_price] ** 2, n) / count
    spread = np.sqrt(np.maximum(square - mean**2, 1e-6))
    score: Doubles = (log_prices - mean[category + 1]) / spread[category + 1]
    return score


def attribute_rows(catalog: Catalog, *, n_known: int) -> tuple[NDArray[np.int64], Ints, Floats]:
    """Return the attributes in compressed rows (starts, codes) and the idf of each code among `n_known` items."""
    per_item = catalog.attributes or ((),) * catalog.n_items
    starts = np.zeros(catalog.n_items + 1, np.int64)
    np.cumsum([len(own) for own in per_item], out=starts[1:])
    codes = codes_of(tuple(name for own in per_item for name in own), 0)
    return starts, codes, rarity_of(codes, n_known)


def rarity_of(codes: Ints, n_items: int) -> Floats:
    """Return float32[n_codes]: the idf of each attribute; `codes` are those of all items, end to end."""
    count = np.bincount(codes[codes >= 0], minlength=int(codes.max(initial=-1)) + 1)
    return np.log1p(n_items / np.maximum(count, 1)).astype(np.float32)

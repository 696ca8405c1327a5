"""The columns of the catalog that filters, rules and caps use. Pure.

The position is the item code, as in the model's `Catalog`. Text columns are factorized: `brands[brand_of[code]]` is
the brand of an item. A condition is therefore evaluated once for each distinct value, not once for each item.

Columns keep names as the shop writes them. Brands and categories are compared and counted without regard to case, by
`folded`. Ids of products and groups are compared exactly.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import compress
from typing import Self

import numpy as np
from numpy.typing import NDArray

from recsys.arrays import Bools, Ints, Longs

Factorized = tuple[tuple[str, ...], Ints]
"""Distinct values, and for each item the position of its value among them."""


def folded(names: Iterable[str]) -> tuple[str, ...]:
    """Return the names in the form that conditions and caps compare: Nord equals nord."""
    return tuple(name.casefold() for name in names)


def factorize(values: Sequence[str]) -> Factorized:
    """Return the distinct values in order of appearance, and the position of each value among them."""
    names = tuple(dict.fromkeys(values))
    codes = dict(zip(names, range(len(names)), strict=True))
    return names, np.fromiter(map(codes.__getitem__, values), np.int32, len(values))


def patched(column: Factorized, at: Longs, values: Sequence[str]) -> Factorized:
    """Return the column with other values at some positions. Unused names are dropped once they are the majority."""
    names, codes = column[0], column[1].copy()
    numbers = dict(zip(names, range(len(names)), strict=True))
    codes[at] = [numbers.setdefault(value, len(numbers)) for value in values]
    used = np.bincount(codes, minlength=len(numbers)) > 0
    if 2 * np.count_nonzero(used) >= len(numbers):
        return tuple(numbers), codes
    return tuple(compress(numbers, used)), (np.cumsum(used) - 1)[codes].astype(np.int32)


def within(path: str, category: str) -> bool:
    """Return whether a "/"-joined path is the category, lies below it, or has it as one of its names.

    A category may have several parts; it matches any run of whole parts.
    """
    return f"/{category}/" in f"/{path}/"


@dataclass(frozen=True)
class Columns:
    """The values of each item that conditions use. Missing brand, category and group are "", a missing price is NaN."""

    product_ids: tuple[str, ...]
    codes: dict[str, int]
    brands: tuple[str, ...]
    brand_of: Ints
    categories: tuple[str, ...]
    category_of: Ints
    groups: tuple[str, ...]
    named_group_of: Ints
    """The position of each item's group among `groups`, as `brand_of` among `brands`."""
    group_of: Ints
    """Variants of one product share a number; an item without a group has its own number."""
    prices: NDArray[np.float64]
    stocks: NDArray[np.int64]

    @classmethod
    def of(
        cls,
        product_ids: Sequence[str],
        *,
        brands: Sequence[str],
        categories: Sequence[str],
        groups: Sequence[str],
        prices: Sequence[float] | NDArray[np.float64],
        stocks: Sequence[int] | NDArray[np.int64],
    ) -> Self:
        """Return the columns of the given items. All arguments have equal length."""
        factorized = factorize(brands), factorize(categories), factorize(groups)
        return cls._of(product_ids, *factorized, np.asarray(prices, np.float64), np.asarray(stocks, np.int64))

    def with_items(
        self,
        product_ids: Sequence[str],
        places: Longs,
        *,
        changed: Longs,
        brands: Sequence[str],
        categories: Sequence[str],
        groups: Sequence[str],
        prices: NDArray[np.float64],
        stocks: NDArray[np.int64],
    ) -> Self:
        """Return the columns of another list of items; `places` are their codes here.

        The items at `changed` get the given values; all others keep those they have here.
        """
        own_prices, own_stocks = self.prices[places], self.stocks[places]
        own_prices[changed], own_stocks[changed] = prices, stocks
        return self._of(
            product_ids,
            patched((self.brands, self.brand_of[places]), changed, brands),
            patched((self.categories, self.category_of[places]), changed, categories),
            patched((self.groups, self.named_group_of[places]), changed, groups),
            own_prices,
            own_stocks,
        )

    @classmethod
    def _of(
        cls,
        product_ids: Sequence[str],
        brands: Factorized,
        categories: Factorized,
        groups: Factorized,
        prices: NDArray[np.float64],
        stocks: NDArray[np.int64],
    ) -> Self:
        group_of = groups[1].copy()
        ungrouped = np.flatnonzero(_codes_of_named(*groups) < 0)
        group_of[ungrouped] = len(groups[0]) + np.arange(len(ungrouped))
        codes = dict(zip(product_ids, range(len(product_ids)), strict=True))
        return cls(
            product_ids=tuple(product_ids),
            codes=codes,
            brands=brands[0],
            brand_of=brands[1],
            categories=categories[0],
            category_of=categories[1],
            groups=groups[0],
            named_group_of=groups[1],
            group_of=group_of,
            prices=prices,
            stocks=stocks,
        )

    @property
    def n_items(self) -> int:
        """The number of items."""
        return len(self.product_ids)

    def with_prices_and_stocks(self, codes: Longs, prices: NDArray[np.float64], stocks: NDArray[np.int64]) -> "Columns":
        """Return the columns with other prices and stocks of some items."""
        own_prices, own_stocks = self.prices.copy(), self.stocks.copy()
        own_prices[codes], own_stocks[codes] = prices, stocks
        return replace(self, prices=own_prices, stocks=own_stocks)

    def same_names_as(self, other: "Columns") -> bool:
        """Return whether both have the same items, categories and brands; prices and stocks may differ."""
        return self.codes is other.codes and self.category_of is other.category_of and self.brand_of is other.brand_of

    def keys(self, column: str) -> Ints | None:
        """Return the cap keys by `brand`, `category` or `group`: -1 for items without one. None for other columns."""
        match column:
            case "brand":
                return self._brand_keys
            case "category":
                return self._category_keys
            case "group":
                return self.group_of
        return None

    def in_products(self, product_ids: Iterable[str]) -> Bools:
        """Return the mask of the products with these ids; unknown ids match nothing."""
        mask = np.zeros(self.n_items, np.bool_)
        mask[[code for product_id in product_ids if (code := self.codes.get(product_id)) is not None]] = True
        return mask

    def variants_of(self, codes: Ints | Sequence[int]) -> Bools:
        """Return the mask of the items with these codes and of all their variants."""
        has_group = np.zeros(self._n_groups, np.bool_)
        has_group[self.group_of[np.asarray(codes, np.int32)]] = True
        mask: Bools = has_group[self.group_of]  # twenty times as fast as np.isin
        return mask

    def in_categories(self, categories: Sequence[str]) -> Bools:
        """Return the mask of items in or below any of the categories."""
        folded_names = folded(categories)
        return _by_value(
            self._folded_categories, self.category_of, lambda path: any(within(path, one) for one in folded_names)
        )

    def in_brands(self, brands: Sequence[str]) -> Bools:
        """Return the mask of items of any of the brands."""
        folded_names = set(folded(brands))
        return _by_value(self._folded_brands, self.brand_of, folded_names.__contains__)

    def in_price_range(self, low: float | None, high: float | None) -> Bools:
        """Return the mask of items with low ≤ price ≤ high. Items without a price match only if both are None."""
        return _between(self.prices, low, high)

    def in_stock_range(self, low: int | None, high: int | None) -> Bools:
        """Return the mask of items with low ≤ stock ≤ high."""
        return _between(self.stocks, low, high)

    @cached_property
    def _n_groups(self) -> int:
        return int(self.group_of.max(initial=-1)) + 1

    @cached_property
    def _folded_brands(self) -> tuple[str, ...]:
        return folded(self.brands)

    @cached_property
    def _folded_categories(self) -> tuple[str, ...]:
        return folded(self.categories)

    @cached_property
    def _brand_keys(self) -> Ints:
        return _keys_by_name(self._folded_brands, self.brand_of)

    @cached_property
    def _category_keys(self) -> Ints:
        return _keys_by_name(self._folded_categories, self.category_of)


def _codes_of_named(names: tuple[str, ...], codes: Ints) -> Ints:
    nameless = names.index("") if "" in names else -1
    return np.where(codes == nameless, np.int32(-1), codes).astype(np.int32)


def _keys_by_name(names: tuple[str, ...], codes: Ints) -> Ints:
    """Return a number for each item: equal for equal names, -1 without a name."""
    distinct, places = factorize(names)
    return _codes_of_named(distinct, places[codes])


def _by_value(names: tuple[str, ...], codes: Ints, matches: Callable[[str], bool]) -> Bools:
    if not names:
        return np.zeros(len(codes), np.bool_)
    flags = np.fromiter((matches(name) for name in names), np.bool_, len(names))
    chosen: Bools = flags[codes]
    return chosen


def _between(values: NDArray[np.float64] | NDArray[np.int64], low: float | None, high: float | None) -> Bools:
    mask = np.ones(len(values), np.bool_)
    if low is not None:
        mask &= values >= low
    if high is not None:
        mask &= values <= high
    return mask

"""The catalog as serving holds it: products the model knows come first, newer ones after them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from catalog.frames import cost_of, price_of
from catalog.records import ProductRow
from personalization.rules.filter_columns import Columns
from personalization.selectors.placements import Filters
from personalization.serving.attribute_columns import AttributeColumns
from personalization.serving.page_cursor import id_hash
from recsys.arrays import (
    Bools,
    Ints,
    Longs,
    Times,
)
from recsys.data.catalog import Catalog
from recsys.ranking.text_similarity import TextSimilarity

N = TypeVar("N", np.float64, np.int64)
MOST_MASKS, MASK_BYTES = 512, 1 << 25
"""Limits of the cache of filter masks, in number and bytes. It is cleared when full: browsers choose the filters."""
UNCOUNTED = 10**9
"""The stock of a product without stock keeping."""


@dataclass(frozen=True)
class ServingCatalog:
    """All products by code. `rows[code]` is None for a product of the model that left the catalog."""

    catalog: Catalog
    rows: tuple[ProductRow | None, ...]
    columns: Columns
    _masks: dict[Filters, Bools] = field(default_factory=dict)

    @classmethod
    def of(
        cls, catalog: Catalog, rows: Iterable[ProductRow], *, before: "ServingCatalog | None" = None
    ) -> "ServingCatalog":
        """Return the serving catalog of a catalog whose ids include those of all rows.

        `before` lends its computed values of unchanged rows, even where their codes changed.
        """
        by_id = {row.product_id: row for row in rows}
        rows_by_code = tuple(map(by_id.get, catalog.item_ids))
        if before is None or not before.rows:
            return cls(catalog, rows_by_code, Columns.of(catalog.item_ids, **_columns_of(rows_by_code)))
        places = catalog.codes_in(before.catalog)
        unchanged = [
            place >= 0 and before.rows[place] is row for place, row in zip(places.tolist(), rows_by_code, strict=True)
        ]
        codes, old_codes = np.flatnonzero(~np.array(unchanged, np.bool_)), places.clip(0)
        new_rows = [rows_by_code[code] for code in codes.tolist()]
        columns = before.columns.with_items(catalog.item_ids, old_codes, changed=codes, **_columns_of(new_rows))
        serving_catalog = cls(catalog, rows_by_code, columns)
        vars(serving_catalog)["sale_starts"] = _patched(before.sale_starts[old_codes], codes, _sale_starts(new_rows))
        vars(serving_catalog)["first_seen"] = _patched(before.first_seen[old_codes], codes, _first_seen(new_rows))
        if (costs := vars(before).get("costs")) is not None:
            vars(serving_catalog)["costs"] = _patched(costs[old_codes], codes, _costs(new_rows))
        if (kinship := vars(before).get("kinship")) is not None:
            vars(serving_catalog)["kinship"] = TextSimilarity.updated(kinship, catalog, places)
        return serving_catalog

    def with_changes(self, rows: Sequence[ProductRow]) -> "ServingCatalog":
        """Return the serving catalog with these rows in place of the old rows of the same products.

        Values computed from the catalog's texts are kept: they do not depend on rows.
        """
        codes = np.array([self.codes[row.product_id] for row in rows], np.int64)
        all_rows, same_dates, same_names, same_attributes = list(self.rows), True, True, True
        for code, row in zip(codes.tolist(), rows, strict=True):
            old, all_rows[code] = all_rows[code], row
            same_dates = same_dates and old is not None and old.first_seen == row.first_seen
            same_names = same_names and old is not None and _names(old) == _names(row)
            same_attributes = same_attributes and old is not None and old.attributes == row.attributes
        if same_names:
            columns = self.columns.with_prices_and_stocks(codes, *_counts(rows))
        else:
            ids, every = self.columns.product_ids, np.arange(len(all_rows))
            columns = self.columns.with_items(ids, every, changed=codes, **_columns_of(rows))
        changed = ServingCatalog(self.catalog, tuple(all_rows), columns)
        reusable = (
            *("kinship", "by_id", "id_hashes"),
            *(("first_seen", "newest") if same_dates else ()),
            *(("attributes",) if same_attributes else ()),
        )
        cached = vars(self).copy()  # one copy: a request may add a cached property meanwhile
        vars(changed).update({name: cached[name] for name in reusable if name in cached})
        vars(changed)["sale_starts"] = _patched(self.sale_starts, codes, _sale_starts(rows))
        if (costs := cached.get("costs")) is not None:
            vars(changed)["costs"] = _patched(costs, codes, _costs(rows))
        return changed

    @property
    def codes(self) -> dict[str, int]:
        """Item code by product id."""
        return self.columns.codes

    @cached_property
    def kinship(self) -> TextSimilarity:
        """Text similarity; built on first use, normally in the background by the snapshot refresher."""
        return TextSimilarity.of(self.catalog)

    @cached_property
    def attributes(self) -> AttributeColumns:
        """The attributes of all products, for filters."""
        return AttributeColumns([None if row is None else row.attributes for row in self.rows])

    @cached_property
    def id_hashes(self) -> tuple[NDArray[np.uint32], Ints]:
        """The hash of each product's id, uint32[n_items], and the codes in the order of their hashes, for cursors."""
        hashes = np.fromiter(map(id_hash, self.columns.product_ids), np.uint32, len(self.rows))
        return hashes, np.argsort(hashes, kind="stable").astype(np.int32)

    @cached_property
    def first_seen(self) -> Times:
        """When each product first appeared, float64[n_items] in seconds since the epoch; NaN for removed products."""
        return _first_seen(self.rows)

    @cached_property
    def costs(self) -> Times:
        """What each product costs the shop, float64[n_items] in the shop's currency; NaN where unknown."""
        return _costs(self.rows)

    @cached_property
    def newest(self) -> tuple[Ints, Times]:
        """The codes of all products in the catalog, newest first, and when each first appeared."""
        codes_with_date = np.flatnonzero(~np.isnan(self.first_seen))
        codes = codes_with_date[np.argsort(-self.first_seen[codes_with_date], kind="stable")].astype(np.int32)
        return codes, self.first_seen[codes]

    @cached_property
    def by_id(self) -> Ints:
        """All codes in order of product id."""
        return np.array(sorted(range(len(self.rows)), key=self.columns.product_ids.__getitem__), np.int32)

    @cached_property
    def order(self) -> Ints:
        """All codes in catalog order: in stock first, then by product id."""
        return self.by_id[np.argsort(self.columns.stocks[self.by_id] <= 0, kind="stable")]

    @cached_property
    def sale_starts(self) -> Times:
        """From when each product may be shown, in seconds since the epoch: -inf is always, inf is never."""
        return _sale_starts(self.rows)

    def on_sale(self, now: datetime) -> Bools:
        """Return the mask of products that may be shown: in the catalog, active, and available by now."""
        mask: Bools = self.sale_starts <= now.timestamp()
        return mask

    def filter_mask(self, filters: Filters) -> Bools:
        """Return the mask of products that pass the filters. It is cached: do not write into it."""
        mask = self._masks.get(filters)
        if mask is None:
            if len(self._masks) >= min(MOST_MASKS, MASK_BYTES // max(1, len(self.rows))):
                self._masks.clear()
            mask = self._masks[filters] = self._filter_mask(filters)
        return mask

    def title(self, code: int) -> str:
        """Return the title of a product, its id where it has none."""
        row = self.rows[code]
        return (row.title if row is not None else "") or self.columns.product_ids[code]

    def _filter_mask(self, filters: Filters) -> Bools:
        low = None if filters.min_price is None else float(filters.min_price)
        high = None if filters.max_price is None else float(filters.max_price)
        mask = self.columns.in_price_range(low, high)
        if filters.category:
            mask &= self.columns.in_categories(filters.category)
        if filters.brand:
            mask &= self.columns.in_brands(filters.brand)
        for name, values in filters.attributes:
            mask &= self.attributes.mask(name, values)
        if filters.in_stock is not None:
            mask &= (self.columns.stocks > 0) == filters.in_stock
        return mask


def _patched(values: NDArray[N], codes: Longs, replacements: NDArray[N]) -> NDArray[N]:
    copy = values.copy()
    copy[codes] = replacements
    return copy


def _columns_of(rows: Sequence[ProductRow | None]) -> dict[str, Any]:
    """Return the keyword arguments of `Columns` for these rows."""
    prices, stocks = _counts(rows)
    return {
        "brands": [row.brand if row else "" for row in rows],
        "categories": ["/".join(row.category) if row else "" for row in rows],
        "groups": [row.group_id if row else "" for row in rows],
        "prices": prices,
        "stocks": stocks,
    }


def _counts(rows: Sequence[ProductRow | None]) -> tuple[Times, Longs]:
    """Return price and stock of each row, as columns hold them."""
    prices = (price_of(row) if row else float("nan") for row in rows)
    stocks = ((UNCOUNTED if row.stock is None else row.stock) if row else 0 for row in rows)
    return np.fromiter(prices, np.float64, len(rows)), np.fromiter(stocks, np.int64, len(rows))


def _costs(rows: Sequence[ProductRow | None]) -> Times:
    return np.fromiter((cost_of(row) if row else float("nan") for row in rows), np.float64, len(rows))


def _names(row: ProductRow) -> tuple[object, ...]:
    """Return the row's values that columns factorize."""
    return row.brand, row.category, row.group_id


def _first_seen(rows: Sequence[ProductRow | None]) -> Times:
    moments = (float("nan") if row is None else row.first_seen.timestamp() for row in rows)
    return np.fromiter(moments, np.float64, len(rows))


def _sale_starts(rows: Sequence[ProductRow | None]) -> Times:
    moments = (
        float("inf") if row is None or not row.active else float("-inf") if row.available_from is None
        else row.available_from.timestamp()
        for row in rows
    )  # fmt: skip
    return np.fromiter(moments, np.float64, len(rows))

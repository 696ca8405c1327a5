"""The catalogue as serving holds it: the model's codes first, products made since behind them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from catalog.frames import price_of
from catalog.records import ProductRow
from personalization.rules.filter_columns import Columns
from personalization.selectors.placements import Filters
from recsys.arrays import (
    Bools,
    Ints,
    Longs,
    Times,
)
from recsys.data.catalogue import Catalogue
from recsys.ranking.text_similarity import TextSimilarity

N = TypeVar("N", np.float64, np.int64)
MOST_MASKS, MASK_BYTES = 512, 1 << 25
"""Of filters whose products are remembered, a byte each; then all are forgotten. Any browser may ask for others."""
UNCOUNTED = 10**9
"""The stock of a product whose stock the shop does not count."""


@dataclass(frozen=True)
class Shelf:
    """All products by code. `rows[code]` is None for a product the model knows and the catalogue no longer holds."""

    catalogue: Catalogue
    rows: tuple[ProductRow | None, ...]
    columns: Columns
    _masks: dict[Filters, Bools] = field(default_factory=dict)

    @classmethod
    def of(cls, catalogue: Catalogue, rows: Iterable[ProductRow], *, before: "Shelf | None" = None) -> "Shelf":
        """Return the shelf of a catalogue whose ids include those of all rows.

        `before` lends what it found of the same rows and words, whatever codes they had.
        """
        by_id = {row.product_id: row for row in rows}
        ordered = tuple(map(by_id.get, catalogue.item_ids))
        if before is None or not before.rows:
            return cls(catalogue, ordered, Columns.of(catalogue.item_ids, **_columns_of(ordered)))
        places = catalogue.places_in(before.catalogue)
        lent = [place >= 0 and before.rows[place] is row for place, row in zip(places.tolist(), ordered, strict=True)]
        codes, kept = np.flatnonzero(~np.array(lent, np.bool_)), places.clip(0)
        fresh = [ordered[code] for code in codes.tolist()]
        columns = before.columns.moved(catalogue.item_ids, kept, told=codes, **_columns_of(fresh))
        shelf = cls(catalogue, ordered, columns)
        vars(shelf)["offered"] = _patched(before.offered[kept], codes, _offered(fresh))
        vars(shelf)["born"] = _patched(before.born[kept], codes, _born(fresh))
        if (kinship := vars(before).get("kinship")) is not None:
            vars(shelf)["kinship"] = TextSimilarity.updated(kinship, catalogue, places)
        return shelf

    def following(self, rows: Sequence[ProductRow]) -> "Shelf":
        """Return the shelf with these rows in the place of those it holds of the same products.

        What follows from the catalogue's words is taken over: it is no row's.
        """
        codes = np.array([self.codes[row.product_id] for row in rows], np.int64)
        listed, dated, named = list(self.rows), True, True
        for code, row in zip(codes.tolist(), rows, strict=True):
            old, listed[code] = listed[code], row
            dated = dated and old is not None and old.first_seen == row.first_seen
            named = named and old is not None and _names(old) == _names(row)
        if named:
            columns = self.columns.counting(codes, *_counts(rows))
        else:
            ids, every = self.columns.product_ids, np.arange(len(listed))
            columns = self.columns.moved(ids, every, told=codes, **_columns_of(rows))
        fresh = Shelf(self.catalogue, tuple(listed), columns)
        lasting = ("kinship", "by_id", *(("born", "newest") if dated else ()))
        made = vars(self).copy()  # at once: a request may need something for the first time now
        vars(fresh).update({name: made[name] for name in lasting if name in made})
        vars(fresh)["offered"] = _patched(self.offered, codes, _offered(rows))
        return fresh

    @property
    def codes(self) -> dict[str, int]:
        """Item code by product id."""
        return self.columns.codes

    @cached_property
    def kinship(self) -> TextSimilarity:
        """Likeness by words; built at first need, which the keeper makes its own need."""
        return TextSimilarity.of(self.catalogue)

    @cached_property
    def born(self) -> Times:
        """When each product appeared, seconds since the epoch; NaN for what the catalogue no longer holds."""
        return _born(self.rows)

    @cached_property
    def newest(self) -> tuple[Ints, Times]:
        """All codes the catalogue holds, the newest first, and when each appeared."""
        known = np.flatnonzero(~np.isnan(self.born))
        codes = known[np.argsort(-self.born[known], kind="stable")].astype(np.int32)
        return codes, self.born[codes]

    @cached_property
    def by_id(self) -> Ints:
        """All codes by product id."""
        return np.array(sorted(range(len(self.rows)), key=self.columns.product_ids.__getitem__), np.int32)

    @cached_property
    def order(self) -> Ints:
        """All codes in catalogue order: in stock first, then by product id."""
        return self.by_id[np.argsort(self.columns.stocks[self.by_id] <= 0, kind="stable")]

    @cached_property
    def offered(self) -> Times:
        """From when on each product may be shown, seconds since the epoch: -inf always, inf never."""
        return _offered(self.rows)

    def on_sale(self, now: datetime) -> Bools:
        """Return the mask of products that may be shown: in the catalogue, active, available by now."""
        shown: Bools = self.offered <= now.timestamp()
        return shown

    def passing(self, filters: Filters) -> Bools:
        """Return the mask of products that pass the filters; remembered, so do not write into it."""
        mask = self._masks.get(filters)
        if mask is None:
            if len(self._masks) >= min(MOST_MASKS, MASK_BYTES // max(1, len(self.rows))):
                self._masks.clear()
            mask = self._masks[filters] = self._passing(filters)
        return mask

    def title(self, code: int) -> str:
        """Return the title of a product, its id where it has none."""
        row = self.rows[code]
        return (row.title if row is not None else "") or self.columns.product_ids[code]

    def _passing(self, filters: Filters) -> Bools:
        low = None if filters.min_price is None else float(filters.min_price)
        high = None if filters.max_price is None else float(filters.max_price)
        mask = self.columns.priced(low, high)
        if filters.category:
            mask &= self.columns.in_categories(filters.category)
        if filters.brand:
            mask &= self.columns.in_brands(filters.brand)
        if filters.in_stock is not None:
            mask &= (self.columns.stocks > 0) == filters.in_stock
        return mask


def _patched(values: NDArray[N], codes: Longs, fresh: NDArray[N]) -> NDArray[N]:
    patched = values.copy()
    patched[codes] = fresh
    return patched


def _columns_of(rows: Sequence[ProductRow | None]) -> dict[str, Any]:
    """Return what conditions look at, as `Columns` is told it, from the catalogue's rows of the moment."""
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


def _names(row: ProductRow) -> tuple[object, ...]:
    """Return what columns factorize of a row."""
    return row.brand, row.category, row.group_id


def _born(rows: Sequence[ProductRow | None]) -> Times:
    moments = (float("nan") if row is None else row.first_seen.timestamp() for row in rows)
    return np.fromiter(moments, np.float64, len(rows))


def _offered(rows: Sequence[ProductRow | None]) -> Times:
    moments = (
        float("inf") if row is None or not row.active else float("-inf") if row.available_from is None
        else row.available_from.timestamp()
        for row in rows
    )  # fmt: skip
    return np.fromiter(moments, np.float64, len(rows))

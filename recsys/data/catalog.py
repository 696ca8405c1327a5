"""The catalog: one row per item. Item codes are positions in `Catalog.item_ids`."""

from dataclasses import dataclass, replace
from itertools import repeat
from typing import Any, Self, TypeVar

import numpy as np

from recsys.arrays import Bools, Floats, Longs, Times

T = TypeVar("T")
TEXT_COLUMNS = {
    "titles": "title",
    "descriptions": "description",
    "categories": "category",
    "brands": "brand",
    "group_ids": "group_id",
}
"""Text columns of a catalog, and the name of each in a frame of items."""
NUMBER_COLUMNS = ("prices", "first_seen", "images")
"""Number columns of a catalog."""


@dataclass(frozen=True, slots=True)
class Catalog:
    """Columns of equal length n_items; an item's position is its code.

    `categories` are "/"-joined paths, broadest first. `attributes` are "key=value" strings. A missing text is "", a
    missing price or `first_seen` NaN. `images` is float32[n_items, d] or None. `removed_at` is when the shop took an
    item out of its catalog, NaN if it did not. Only checks of models use it: no model learns from it or stores it.
    """

    item_ids: tuple[str, ...]
    titles: tuple[str, ...] = ()
    descriptions: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    brands: tuple[str, ...] = ()
    attributes: tuple[tuple[str, ...], ...] = ()
    group_ids: tuple[str, ...] = ()
    prices: Floats | None = None
    first_seen: Times | None = None
    images: Floats | None = None
    removed_at: Times | None = None

    @property
    def n_items(self) -> int:
        """The number of items."""
        return len(self.item_ids)

    def codes_in(self, other: "Catalog") -> Longs:
        """Return int64[n_items]: the code of each item in another catalog, -1 where it is missing."""
        if self.item_ids[: other.n_items] == other.item_ids:  # the usual case: a later catalog of the same shop
            return np.concatenate([np.arange(other.n_items), np.full(self.n_items - other.n_items, -1)])
        codes = dict(zip(other.item_ids, range(other.n_items), strict=True))
        return np.fromiter(map(codes.get, self.item_ids, repeat(-1)), np.int64, self.n_items)

    def has_text(self) -> Bools:
        """Return bool[n_items]: which items have any text or attribute."""
        has_any = np.zeros(self.n_items, bool)
        for column in (*(getattr(self, name) for name in TEXT_COLUMNS), self.attributes):
            if column:
                has_any |= np.fromiter((bool(value) for value in column), bool, self.n_items)
        return has_any

    def appeared_after(self, moment: float) -> Bools:
        """Return bool[n_items]: which items appeared after a time, in seconds."""
        return np.zeros(self.n_items, bool) if self.first_seen is None else self.first_seen > moment

    def at(self, moment: float) -> Self:
        """Return the catalog as of an earlier time: items that appeared later keep their code and lose all data.

        Sources then propose none of them, and count nothing that they share with other items.
        """
        later = self.appeared_after(moment)
        if not later.any():
            return self
        blanked: dict[str, Any] = {name: _blanked(getattr(self, name), later, "") for name in TEXT_COLUMNS}
        for name in NUMBER_COLUMNS:
            blanked[name] = None if getattr(self, name) is None else getattr(self, name).copy()
            if blanked[name] is not None:
                blanked[name][later] = np.nan
        return replace(self, attributes=_blanked(self.attributes, later, ()), **blanked)


def _blanked(column: tuple[T, ...], rows: Bools, blank: T) -> tuple[T, ...]:
    return tuple(blank if hide else value for value, hide in zip(column, rows.tolist(), strict=True)) if column else ()

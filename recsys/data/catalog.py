"""What can be recommended: one row an item. Item codes are positions in `Catalog.item_ids`."""

from dataclasses import dataclass, replace
from itertools import repeat
from typing import Any, Self, TypeVar

import numpy as np

from recsys.arrays import Bools, Floats, Longs, Times

T = TypeVar("T")
TEXTS = {
    "titles": "title",
    "descriptions": "description",
    "categories": "category",
    "brands": "brand",
    "group_ids": "group_id",
}
"""Columns of text of a catalog, and what each is called in a frame of items."""
NUMBERS = ("prices", "first_seen", "images")
"""Columns of numbers of a catalog."""


@dataclass(frozen=True, slots=True)
class Catalog:
    """What can be recommended: columns of equal length n_items, position = item code.

    `categories` are "/"-joined paths, broadest first; `attributes` are "key=value" strings; a missing text is "",
    a missing price NaN, an unknown `first_seen` NaN. `images` is float32[n_items, d] or None. `gone` is when each item
    was taken out of the shop's catalog, NaN where it was not: for who judges, nothing learns from it or keeps it.
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
    gone: Times | None = None

    @property
    def n_items(self) -> int:
        """How many items there are."""
        return len(self.item_ids)

    def places_in(self, other: "Catalog") -> Longs:
        """Return int64[n_items]: the code that each item has in another catalog, -1 where it has none."""
        if self.item_ids[: other.n_items] == other.item_ids:  # as from one moment to the next
            return np.concatenate([np.arange(other.n_items), np.full(self.n_items - other.n_items, -1)])
        codes = dict(zip(other.item_ids, range(other.n_items), strict=True))
        return np.fromiter(map(codes.get, self.item_ids, repeat(-1)), np.int64, self.n_items)

    def described(self) -> Bools:
        """Return bool[n_items]: of which items any word is known."""
        found = np.zeros(self.n_items, bool)
        for column in (*(getattr(self, name) for name in TEXTS), self.attributes):
            if column:
                found |= np.fromiter((bool(own) for own in column), bool, self.n_items)
        return found

    def later(self, moment: float) -> Bools:
        """Return bool[n_items]: which items appeared after a moment."""
        return np.zeros(self.n_items, bool) if self.first_seen is None else self.first_seen > moment

    def at(self, moment: float) -> Self:
        """Return the catalog of an earlier moment: of items that appeared later nothing is known but the code.

        Sources then propose none of them, and nothing they have in common with others is counted.
        """
        later = self.later(moment)
        if not later.any():
            return self
        emptied: dict[str, Any] = {name: _emptied(getattr(self, name), later, "") for name in TEXTS}
        for name in NUMBERS:
            emptied[name] = None if getattr(self, name) is None else getattr(self, name).copy()
            if emptied[name] is not None:
                emptied[name][later] = np.nan
        return replace(self, attributes=_emptied(self.attributes, later, ()), **emptied)


def _emptied(column: tuple[T, ...], rows: Bools, nothing: T) -> tuple[T, ...]:
    return tuple(nothing if gone else own for own, gone in zip(column, rows.tolist(), strict=True)) if column else ()

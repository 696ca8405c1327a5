"""The tables that all checks read: slates and targets by shopper, and columns by item."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from recsys.arrays import (
    Bools,
    Doubles,
    Floats,
    Ints,
    Longs,
)
from recsys.data.catalog import Catalog
from recsys.data.listing import listed_at, new_items
from recsys.metrics.beyond_accuracy import exposure_counts
from recsys.metrics.registry import ndcg

SUPPLIER = "supplier="


@dataclass(frozen=True, slots=True)
class SlateTable:
    """The slates of n shoppers, int32[n, k] padded with -1, and their targets (distinct item codes).

    `groups` maps a kind ("activity", "region", "device") to one label per shopper, "" where unknown. `latency_ms` is
    float32, the milliseconds of single slates.
    """

    slates: Ints
    targets: tuple[Longs, ...]
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    latency_ms: Floats | None = None
    fitted_until: float = 0.0
    """The time of the latest row that the model saw, seconds since 1970."""
    parts: Mapping[str, float] = field(default_factory=dict)
    """The same for each part that knows it: sources, statistics, the profiles of the questions."""

    def take(self, rows: Longs) -> "SlateTable":
        """Return the rows of these shoppers, in this order."""
        return replace(
            self,
            slates=self.slates[rows],
            targets=tuple(self.targets[row] for row in rows.tolist()),
            groups={kind: tuple(labels[row] for row in rows.tolist()) for kind, labels in self.groups.items()},
        )

    def ndcg(self, n_items: int) -> Doubles:
        """Return float64[n]: each shopper's NDCG@10."""
        return ndcg(self.slates, self.targets, n_items)

    def exposure(self, n_items: int) -> Doubles:
        """Return float64[n_items]: how often each item was shown among the first ten."""
        return exposure_counts(self.slates, n_items)


@dataclass(frozen=True, slots=True)
class CatalogView:
    """Columns over item codes, as of the `cut`: the time at which the held-out window starts.

    `supplier` is int32, -1 where unknown; `popularity` float64, the interactions before the cut; `new` bool, items that
    appeared in the 30 days before the cut.
    """

    supplier: Ints
    popularity: Doubles
    new: Bools
    cut: float
    n_absent: int = 0
    """The number of items that were not on sale at the cut: added later, removed before, or never in the catalog."""

    listed: Bools | None = None
    """bool[n_items]: items that could be shown at the cut; None in older files, which means all."""

    @property
    def n_items(self) -> int:
        """The number of items."""
        return len(self.popularity)

    @property
    def n_listed(self) -> int:
        """The number of items that could be shown at the cut."""
        return self.n_items - self.n_absent

    @property
    def new_item_share(self) -> float:
        """The share of new items among those that could be shown at the cut."""
        return float(self.new.sum()) / max(1, self.n_listed)

    def listed_exposure(self, exposure: Doubles) -> Doubles:
        """Return the exposure of the items that could be shown at the cut."""
        return exposure if self.listed is None else exposure[self.listed]

    @classmethod
    def of(cls, catalog: Catalog, *, popularity: Doubles, cut: float) -> "CatalogView":
        """Return the view of a catalog. New items are those with a recent `first_seen`.

        An item that could not be shown at the cut has no supplier and is not new.
        """
        listed = listed_at(catalog, cut)
        supplier = np.where(listed, suppliers(catalog), -1).astype(np.int32)
        new = new_items(catalog, until=cut) & listed
        return cls(supplier, popularity, new, cut, int((~listed).sum()), listed)


def suppliers(catalog: Catalog) -> Ints:
    """Return int32[n_items]: a code per supplier (the attribute of that name, else the brand), -1 where unknown."""
    brands = catalog.brands or ("",) * catalog.n_items
    attributes = catalog.attributes or ((),) * catalog.n_items
    names = [_supplier(own, brand) for own, brand in zip(attributes, brands, strict=True)]
    code = {name: number for number, name in enumerate(sorted({name for name in names if name}))}
    return np.fromiter((code.get(name, -1) for name in names), np.int32, catalog.n_items)


def _supplier(attributes: Sequence[str], brand: str) -> str:
    return next((one.removeprefix(SUPPLIER) for one in attributes if one.startswith(SUPPLIER)), brand)

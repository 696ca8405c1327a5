"""One held-out slate table: what a model would have shown to whom, and what they then wanted. All checks read it."""

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
from recsys.data.catalogue import Catalogue
from recsys.data.listing import listed_at, new_items
from recsys.metrics.registry import ndcg
from recsys.metrics.spread import shown_among_first

SUPPLIER = "supplier="


@dataclass(frozen=True, slots=True)
class SlateTable:
    """n shoppers' slates, int32[n, k] padded with -1, and their targets (one array of item codes each, no repeats).

    `groups` maps a kind ("activity", "region", "device") to one label per shopper, "" where unknown.
    """

    slates: Ints
    targets: tuple[Longs, ...]
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    latency_ms: Floats | None = None
    fitted_until: float = 0.0
    """Time of the latest row the model saw, seconds since the epoch."""
    parts: Mapping[str, float] = field(default_factory=dict)
    """The same of each part of the model that tells: its sources, its statistics, the profiles it was asked with."""

    def take(self, rows: Longs) -> "SlateTable":
        """Return the shoppers in another order."""
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
        return shown_among_first(self.slates, n_items)


@dataclass(frozen=True, slots=True)
class CatalogView:
    """What the checks know of the items: columns over item codes.

    `supplier` is a code per item, -1 unknown; `popularity` the interactions before the cut; `new` marks items that
    appeared in the last 30 days before the cut, the time at which the held-out window starts.
    """

    supplier: Ints
    popularity: Doubles
    new: Bools
    cut: float
    n_absent: int = 0
    """How many of the items appeared after the cut, were taken out before it, or are known only by what shoppers did:
    they are sold no more."""

    listed: Bools | None = None
    """Marks items that could be shown at the cut, None where a table of before does not tell: all of them."""

    @property
    def n_items(self) -> int:
        """How many items there are."""
        return len(self.popularity)

    @property
    def n_listed(self) -> int:
        """How many of the items could be shown at the cut."""
        return self.n_items - self.n_absent

    @property
    def new_item_share(self) -> float:
        """Which share of the items that could be shown at the cut was new."""
        return float(self.new.sum()) / max(1, self.n_listed)

    def listed_exposure(self, exposure: Doubles) -> Doubles:
        """Return the exposure of what could be shown at the cut: what was not there spreads nothing."""
        return exposure if self.listed is None else exposure[self.listed]

    @classmethod
    def of(cls, catalogue: Catalogue, *, popularity: Doubles, cut: float) -> "CatalogView":
        """Return the shelf of a catalogue, with new items read off `first_seen` (unknown is not new).

        What could not be shown at the cut is no supplier's, and not new.
        """
        listed = listed_at(catalogue, cut)
        supplier = np.where(listed, suppliers(catalogue), -1).astype(np.int32)
        new = new_items(catalogue, until=cut) & listed
        return cls(supplier, popularity, new, cut, int((~listed).sum()), listed)


def suppliers(catalogue: Catalogue) -> Ints:
    """Return int32[n_items]: a code per supplier (the attribute of that name, else the brand), -1 where unknown."""
    brands = catalogue.brands or ("",) * catalogue.n_items
    attributes = catalogue.attributes or ((),) * catalogue.n_items
    names = [_supplier(own, brand) for own, brand in zip(attributes, brands, strict=True)]
    code = {name: number for number, name in enumerate(sorted({name for name in names if name}))}
    return np.fromiter((code.get(name, -1) for name in names), np.int32, catalogue.n_items)


def _supplier(attributes: Sequence[str], brand: str) -> str:
    return next((one.removeprefix(SUPPLIER) for one in attributes if one.startswith(SUPPLIER)), brand)

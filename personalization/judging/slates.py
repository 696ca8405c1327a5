"""One held-out slate table: what a model would have shown to whom, and what they then wanted. All checks read it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from personalization.recommenders.base import Bools, Floats, Ints, Times
from personalization.training.metrics import Doubles, Longs, hits, per_shopper


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
    """The same of each part of the model that tells: its sources, its facts, the profiles it was asked with."""

    def ndcg(self, n_items: int, *, k: int = 10) -> Doubles:
        """Return float64[n]: each shopper's NDCG at k."""
        sizes = np.fromiter((len(own) for own in self.targets), np.int64, len(self.targets))
        return per_shopper(hits(self.slates, self.targets, n_items), sizes, k=k)["ndcg"]

    def exposure(self, n_items: int, *, k: int = 10) -> Doubles:
        """Return float64[n_items]: how often each item was shown among the first k."""
        shown = self.slates[:, :k]
        return np.bincount(shown[shown >= 0], minlength=n_items).astype(np.float64)


@dataclass(frozen=True, slots=True)
class Shelf:
    """What the checks know of the items: columns over item codes.

    `supplier` is a code per item, -1 unknown; `popularity` the interactions before the cut; `new` marks items that
    appeared in the last 30 days before the cut, the time at which the held-out window starts.
    """

    supplier: Ints
    popularity: Doubles
    new: Bools
    cut: float

    @property
    def n_items(self) -> int:
        """How many items there are."""
        return len(self.popularity)

    @classmethod
    def of(cls, *, supplier: Ints, popularity: Doubles, first_seen: Times, cut: float, days: float = 30.0) -> "Shelf":
        """Return the shelf, with new items read off `first_seen` (NaN is not new)."""
        with np.errstate(invalid="ignore"):
            new = (first_seen >= cut - days * 86_400) & (first_seen <= cut)
        return cls(supplier, popularity, new, cut)

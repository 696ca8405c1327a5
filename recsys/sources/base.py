"""The contract of every recommender, and the columns they learn from. Pure.

Items are integer codes: positions in `Catalog.item_ids`. Shoppers are codes only while fitting; no artifact
holds a shopper's vector (docs/adr/0011), so a shopper is always handed in as a `Profile` and folded in.
Times are seconds since the epoch, UTC (float64).
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Self

from recsys.arrays import Floats, Ints
from recsys.data.catalog import Catalog
from recsys.data.interactions import Interactions
from recsys.data.profile import Context, Profile


@dataclass(frozen=True, slots=True)
class Ranked:
    """Items best first with their scores (finite, non-increasing); equal lengths ≤ k; ties go to the lower code."""

    items: Ints
    scores: Floats


@dataclass(frozen=True, slots=True)
class RankedMany:
    """Row i answers profile i: items int32[n, k] padded with -1, scores float32[n, k] padded with -inf."""

    items: Ints
    scores: Floats


@dataclass(frozen=True)
class Config:
    """Base of every recommender's frozen settings. Subclasses add fields with defaults; all are JSON values."""

    seed: int = field(default=7, kw_only=True)


class Recommender(ABC):
    """One way to recommend. Deterministic: same data, same config, same answer."""

    name: ClassVar[str]
    config_class: ClassVar[type[Config]] = Config
    personal: ClassVar[bool] = False
    """Whether the answer depends on the shopper's profile."""
    contextual: ClassVar[bool] = False
    """Whether the answer depends on the context's items (similar, model, cart)."""

    def __init__(self, config: Config | None = None) -> None:
        self.config = config or self.config_class()

    @abstractmethod
    def fit(self, interactions: Interactions, catalog: Catalog) -> Self:
        """Learn, forgetting what was learnt before. Interactions may be empty. Raises ValueError on non-finite input.

        Deterministic for the same input and config.
        """

    @abstractmethod
    def recommend(self, profile: Profile, context: Context, k: int) -> Ranked:
        """Return up to k items. Unknown or empty profiles give an empty or a non-personal answer, never an error."""

    @abstractmethod
    def recommend_many(self, profiles: Sequence[Profile], contexts: Sequence[Context], k: int) -> RankedMany:
        """Return what `recommend` would, row by row."""

    @abstractmethod
    def score(self, profile: Profile, context: Context, items: Ints) -> Floats:
        """Return float32[len(items)]: the score of given items, 0 where there is no opinion."""

    @abstractmethod
    def knows(self, item: int) -> bool:
        """Return whether anything was learnt about the item code."""

    def explain(self, profile: Profile, context: Context, item: int) -> tuple[int, ...]:
        """Return the profile's or context's item codes that speak most for the item, best first; () where none does."""
        return ()

    @abstractmethod
    def save(self, directory: Path) -> None:
        """Write `.npz` and JSON files (no pickle) into an existing directory; same state, same bytes."""

    @classmethod
    @abstractmethod
    def load(cls, directory: Path) -> Self:
        """Return what `save` wrote, with `allow_pickle=False`."""

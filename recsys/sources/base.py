"""The interface of every recommender. Pure.

Items are integer codes: positions in `Catalog.item_ids`. Shoppers are codes only during a fit. No artifact holds a
shopper's vector (docs/adr/0011), so requests pass a shopper as a `Profile`, which is folded in. Times are seconds since
the epoch, UTC (float64).
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
    """Item codes, best first, with finite, non-increasing scores; at most k. Ties go to the lower code."""

    items: Ints
    scores: Floats


@dataclass(frozen=True, slots=True)
class RankedMany:
    """Row i is the answer for profile i: items int32[n, k] padded with -1, scores float32[n, k] padded with -inf."""

    items: Ints
    scores: Floats


@dataclass(frozen=True)
class Config:
    """Base class of a recommender's settings. Subclasses add fields with defaults; all are JSON values."""

    seed: int = field(default=7, kw_only=True)


class Recommender(ABC):
    """A recommender. Deterministic: equal data and config give equal answers."""

    name: ClassVar[str]
    config_class: ClassVar[type[Config]] = Config
    personal: ClassVar[bool] = False
    """Whether the answer depends on the shopper's profile."""
    contextual: ClassVar[bool] = False
    """Whether the answer depends on the context's items (viewed product, cart)."""

    def __init__(self, config: Config | None = None) -> None:
        self.config = config or self.config_class()

    @abstractmethod
    def fit(self, interactions: Interactions, catalog: Catalog) -> Self:
        """Train from scratch and return self. Interactions may be empty. Raises ValueError on non-finite input."""

    @abstractmethod
    def recommend(self, profile: Profile, context: Context, k: int) -> Ranked:
        """Return up to k items. An unknown or empty profile gives an empty or non-personal answer, never an error."""

    @abstractmethod
    def recommend_many(self, profiles: Sequence[Profile], contexts: Sequence[Context], k: int) -> RankedMany:
        """Return the answers of `recommend`, one row per profile."""

    @abstractmethod
    def score(self, profile: Profile, context: Context, items: Ints) -> Floats:
        """Return float32[len(items)]: the scores of item codes; 0 means no opinion."""

    @abstractmethod
    def knows(self, item: int) -> bool:
        """Return whether the model has learned anything about the item."""

    def explain(self, profile: Profile, context: Context, item: int) -> tuple[int, ...]:
        """Return the item codes of profile or context that contribute most to the item's score, best first, or ()."""
        return ()

    @abstractmethod
    def save(self, directory: Path) -> None:
        """Write `.npz` and JSON files (no pickle) into an existing directory; equal models give equal bytes."""

    @classmethod
    @abstractmethod
    def load(cls, directory: Path) -> Self:
        """Return the model that `save` wrote; reads with `allow_pickle=False`."""

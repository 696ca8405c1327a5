"""What serving answers: frozen records that doors turn into JSON."""

from dataclasses import dataclass, field
from typing import Literal

Degraded = Literal["no_model", "no_profile", "no_consent", "store_down", "deadline"]


@dataclass(frozen=True, slots=True)
class Reason:
    """Why an item is shown, for the shopper to read; `product_ids` are the products it names."""

    code: str
    text: str
    product_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why an item is where it is, for the merchandiser: sources, shares of the score, rules that moved it."""

    sources: dict[str, float] = field(default_factory=dict)
    contributions: dict[str, float] = field(default_factory=dict)
    rules: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Item:
    """One product of a slate; `position` counts from 1, `price` is a decimal as text."""

    product_id: str
    position: int
    score: float
    reason: Reason
    title: str
    price: str | None
    currency: str
    url: str
    image_url: str
    explanation: Explanation | None = None


@dataclass(frozen=True, slots=True)
class Removed:
    """A product that rules kept off the slate, and by which rule."""

    product_id: str
    title: str
    by: str


@dataclass(frozen=True, slots=True)
class Answer:
    """The ordered answer to one question. `removed` is told with explanations only."""

    recommendation_id: str
    placement: str
    strategy: str
    model_version: str | None
    personalized: bool
    degraded: Degraded | None
    items: tuple[Item, ...]
    unknown_products: tuple[str, ...] = ()
    took_ms: float = 0.0
    rules: tuple[str, ...] = ()
    removed: tuple[Removed, ...] | None = None
    propensities: dict[str, float] = field(default_factory=dict)
    """Of explored products: the chance each had to be shown."""


@dataclass(frozen=True, slots=True)
class RankAnswer:
    """The shop's own list in personal order; what we do not know stays at the end, in the given order."""

    recommendation_id: str
    product_ids: tuple[str, ...]
    degraded: Degraded | None

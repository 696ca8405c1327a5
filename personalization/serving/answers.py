"""Frozen records of an answer; the API turns them into JSON."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from personalization.serving.answer_inputs import AnswerInputs
from personalization.serving.arms import NO_TRIAL, Trial

FallbackReason = Literal["no_model", "no_profile", "no_consent", "store_down", "deadline"]


@dataclass(frozen=True, slots=True)
class Reason:
    """Why an item is shown, as a code and as a sentence for the shopper. `product_ids` are the products it names."""

    code: str
    text: str
    product_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why an item has its position, for the merchandiser: sources, shares of the score, rules that moved it."""

    sources: dict[str, float] = field(default_factory=dict)
    contributions: dict[str, float] = field(default_factory=dict)
    rules: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Item:
    """One product of a slate. `position` starts at 1; prices are decimals as text; a stock of None is not counted."""

    product_id: str
    position: int
    score: float
    reason: Reason
    title: str
    price: str | None
    currency: str
    url: str
    image_url: str
    brand: str
    stock: int | None
    compare_at_price: str | None
    attributes: Mapping[str, Any]
    explanation: Explanation | None = None


@dataclass(frozen=True, slots=True)
class RemovedProduct:
    """A product that a rule removed; `by` is the rule's sentence."""

    product_id: str
    title: str
    by: str


@dataclass(frozen=True, slots=True)
class Answer:
    """The ordered answer to one request. `removed` is None unless an explanation was requested."""

    recommendation_id: str
    placement: str
    strategy: str
    model_version: str | None
    personalized: bool
    degraded: FallbackReason | None
    items: tuple[Item, ...]
    unknown_products: tuple[str, ...] = ()
    took_ms: float = 0.0
    rules: tuple[str, ...] = ()
    holdout: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Rules with a hold-out that were `applied` to this shopper by lot, and those `held_out`, each as `id.version`."""
    removed: tuple[RemovedProduct, ...] | None = None
    propensities: dict[str, float] = field(default_factory=dict)
    """The chance of each explored product to be shown, by product id."""
    next_cursor: str | None = None
    """Where the next page starts; None if nothing is left to show."""
    trial: Trial = field(default=NO_TRIAL, compare=False, repr=False)
    """The experiments that decided about it."""
    inputs: AnswerInputs | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class RankAnswer:
    """The shop's own list; unknown ids come last, in the given order. `personalized`: the order is the shopper's."""

    recommendation_id: str
    product_ids: tuple[str, ...]
    personalized: bool
    degraded: FallbackReason | None

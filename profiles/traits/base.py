"""The interface of traits. Pure.

A trait folds interactions into a small state. `update` must not depend on the order of interactions, and `merge` must
be commutative and associative, so that a person's value is the same live and replayed, from one id or from many. Counts
and money are whole numbers, because sums of floats depend on their order.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Final, Generic, Literal, TypeVar

from events.types.base import Interaction

S = TypeVar("S")
DAY: Final = 86_400_000_000
"""Microseconds."""


@dataclass(frozen=True, slots=True)
class ProductInfo:
    """Product fields for the value of a trait; prices in the shop's currency."""

    category: tuple[str, ...] = ()
    brand: str = ""
    price: float | None = None
    compare_at_price: float | None = None

    @property
    def is_reduced(self) -> bool:
        """Whether the price is below the one it is compared with."""
        return self.price is not None and self.compare_at_price is not None and self.price < self.compare_at_price


Products = Mapping[str, ProductInfo]
Refunds = Mapping[str, int | None]
"""Order id to refunded hundredths; None for an order that is cancelled or wholly refunded."""


@dataclass(frozen=True, slots=True)
class TraitField:
    """A part of a trait's value on which a segment may have a condition.

    `path` is the trait's key, or key and name with a dot between. A `name` condition compares texts.
    """

    path: str
    title: str
    kind: Literal["number", "name"] = "number"


class Trait(ABC, Generic[S]):
    """One trait."""

    key: ClassVar[str]
    """Its name in the API."""
    title: ClassVar[str]
    """Its name for people."""
    fields: ClassVar[tuple[TraitField, ...]] = ()
    """What conditions of segments can compare."""

    @abstractmethod
    def empty(self) -> S:
        """Return the state before any interaction."""

    @abstractmethod
    def update(self, state: S, one: Interaction) -> S:
        """Return the state after one more interaction; may change `state` in place."""

    @abstractmethod
    def merge(self, state: S, other: S) -> S:
        """Return the state of both together; does not change `other`."""

    @abstractmethod
    def value(self, state: S, *, now: int, products: Products, refunds: Refunds) -> Any:
        """Return the value as JSON, or None without one. `now` in microseconds.

        Products and refunds are current: a purchase stays in a history whatever becomes of its order.
        """

    def next_change(self, state: S, *, now: int) -> int | None:
        """Return the next time, in microseconds, at which the value changes without an event; None: never."""
        return None

    def fold(self, history: Iterable[Interaction]) -> S:
        """Return the state of a history."""
        state = self.empty()
        for one in history:
            state = self.update(state, one)
        return state


def add(counts: dict[str, int], other: Mapping[str, int]) -> dict[str, int]:
    """Add counts into the first."""
    for key, count in other.items():
        counts[key] = counts.get(key, 0) + count
    return counts


def next_day(since: int, now: int) -> int:
    """Return the next moment that is whole days after `since`."""
    return since + (max(0, now - since) // DAY + 1) * DAY

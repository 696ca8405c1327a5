"""The conditions of a rule segment, as a tree. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, Literal

from events.types.base import Signal

Comparison = Literal["at_least", "at_most", "equals"]
UNITS: Final = {"minute": 60, "hour": 3600, "day": 86_400, "week": 604_800}
"""Seconds of each unit of a window."""
EVENTS: Final[dict[Signal, str]] = {
    "view": "viewed",
    "click": "clicked",
    "hover": "hovered over",
    "engage": "read",
    "search": "searched for",
    "wishlist": "put on a wish list",
    "like": "liked",
    "cart": "added to the cart",
    "remove": "removed from the cart",
    "checkout": "took to the checkout",
    "purchase": "bought",
    "rating": "rated",
}
"""What a shopper may have done with a product, in words."""


@dataclass(frozen=True, slots=True)
class Window:
    """A length of time, as it was written."""

    amount: int
    unit: str

    @property
    def microseconds(self) -> int:
        """The length."""
        return self.amount * UNITS[self.unit] * 1_000_000

    def __str__(self) -> str:
        return f"{self.amount} {self.unit}{'' if self.amount == 1 else 's'}"


@dataclass(frozen=True, slots=True)
class TraitNumber:
    """A number of a trait is at least, at most or equal to a value. A missing number meets nothing."""

    path: str
    comparison: Comparison
    value: float


@dataclass(frozen=True, slots=True)
class TraitName:
    """A trait names one of the values, compared without regard to case."""

    path: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Attribute:
    """An attribute of the shopper has one of the values, compared as text without regard to case."""

    name: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ProductFilter:
    """Which products an event condition is about; empty: all. Each part that is set must hold."""

    products: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    brands: tuple[str, ...] = ()

    @property
    def reads_catalog(self) -> bool:
        """Whether the catalog decides."""
        return bool(self.categories or self.brands)


@dataclass(frozen=True, slots=True)
class EventCount:
    """An event happened at least, at most or exactly so many times within the window; without one, ever.

    An event counts once, however many products it names.
    """

    event: Signal
    comparison: Comparison
    times: int
    window: Window | None = None
    filter: ProductFilter = ProductFilter()


@dataclass(frozen=True, slots=True)
class LastEvent:
    """The last such event is younger (`within`) or older (`before`) than the window. Without one, neither holds."""

    event: Signal
    relation: Literal["within", "before"]
    window: Window
    filter: ProductFilter = ProductFilter()


@dataclass(frozen=True, slots=True)
class Group:
    """All of the parts must hold, or any of them."""

    mode: Literal["all", "any"]
    parts: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Not:
    """The part must not hold."""

    part: "Node"


Leaf = TraitNumber | TraitName | Attribute | EventCount | LastEvent
Node = Leaf | Group | Not


def leaves(node: Node) -> Iterator[Leaf]:
    """Yield the conditions of a tree."""
    if isinstance(node, Group):
        for part in node.parts:
            yield from leaves(part)
    elif isinstance(node, Not):
        yield from leaves(node.part)
    else:
        yield node


def traits_of(node: Node) -> frozenset[str]:
    """Return the keys of the traits that a tree reads."""
    return frozenset(one.path.split(".")[0] for one in leaves(node) if isinstance(one, TraitNumber | TraitName))


def reads_catalog(node: Node) -> bool:
    """Return whether categories or brands of products decide."""
    return any(isinstance(one, EventCount | LastEvent) and one.filter.reads_catalog for one in leaves(node))


def as_json(node: Node) -> dict[str, Any]:
    """Return the tree in the form that `parse` reads."""
    match node:
        case Group(mode, parts):
            return {mode: [as_json(part) for part in parts]}
        case Not(part):
            return {"not": as_json(part)}
        case TraitNumber(path, comparison, value):
            return {"trait": path, "is": comparison, "value": value}
        case TraitName(path, values):
            return {"trait": path, "is": "one_of", "value": list(values)}
        case Attribute(name, values):
            return {"attribute": name, "value": list(values)}
        case EventCount(event, comparison, times, window, product_filter):
            within = {} if window is None else {"within": str(window)}
            return {"event": event, "is": comparison, "times": times, **within, **_filter_json(product_filter)}
        case LastEvent(event, relation, window, product_filter):
            return {"last": event, relation: str(window), **_filter_json(product_filter)}


def _filter_json(product_filter: ProductFilter) -> dict[str, Any]:
    parts = {
        "product": product_filter.products,
        "category": product_filter.categories,
        "brand": product_filter.brands,
    }
    return {name: list(values) for name, values in parts.items() if values}

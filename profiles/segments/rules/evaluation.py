"""Who meets a rule, and the next moment at which time alone can change that. Pure.

Times are microseconds since the epoch.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

from events.types.base import Interaction
from profiles.segments.rules.conditions import (
    Attribute,
    Comparison,
    EventCount,
    Group,
    LastEvent,
    Leaf,
    Node,
    Not,
    ProductFilter,
    TraitName,
    TraitNumber,
)
from profiles.traits.base import Products

_COMPARE: Final[dict[Comparison, Callable[[float, float], bool]]] = {
    "at_least": lambda number, bound: number >= bound,
    "at_most": lambda number, bound: number <= bound,
    "equals": lambda number, bound: number == bound,
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a rule holds, and the next time at which that may change without an event; None: never."""

    holds: bool
    changes_at: int | None = None


@dataclass(frozen=True, slots=True)
class ShopperState:
    """What is known of a shopper at one moment: history by time, attributes, trait values, and products by id.

    `trait_changes` says when the value of a trait changes by time alone; traits without an entry do not.
    """

    now: int
    history: Sequence[Interaction] = ()
    attributes: Mapping[str, Any] = field(default_factory=dict)
    traits: Mapping[str, Any] = field(default_factory=dict)
    trait_changes: Mapping[str, int] = field(default_factory=dict)
    products: Products = field(default_factory=dict)

    @property
    def is_empty(self) -> bool:
        """Whether nothing is known: such a shopper is in no segment."""
        return not self.history and not self.attributes


def evaluate(node: Node, shopper: ShopperState) -> Verdict:
    """Return whether the rule holds for the shopper, and when to look again."""
    if shopper.is_empty:
        return Verdict(False)
    if isinstance(node, Not):
        verdict = evaluate(node.part, shopper)
        return Verdict(not verdict.holds, verdict.changes_at)
    if isinstance(node, Group):
        verdicts = [evaluate(part, shopper) for part in node.parts]
        combine = all if node.mode == "all" else any
        return Verdict(combine(one.holds for one in verdicts), earliest(one.changes_at for one in verdicts))
    return _leaf(node, shopper)


def meets(node: Node, shopper: ShopperState) -> bool:
    """Return whether the rule holds, as `evaluate` says, without asking more than that needs; for scans."""
    if shopper.is_empty:
        return False
    if isinstance(node, Not):
        return not meets(node.part, shopper)
    if isinstance(node, Group):
        combine = all if node.mode == "all" else any
        return combine(meets(part, shopper) for part in node.parts)
    return _leaf(node, shopper).holds


def earliest(times: Iterable[int | None]) -> int | None:
    """Return the earliest of the times that there are."""
    return min((at for at in times if at is not None), default=None)


def _leaf(leaf: Leaf, shopper: ShopperState) -> Verdict:
    match leaf:
        case EventCount():
            return _count(leaf, shopper)
        case LastEvent():
            return _last(leaf, shopper)
        case TraitNumber(path, comparison, bound):
            number = number_at(shopper.traits, path)
            holds = number is not None and _COMPARE[comparison](number, bound)
            return Verdict(holds, shopper.trait_changes.get(path.split(".")[0]))
        case TraitName(path, values):
            names = {name.casefold() for name in names_at(shopper.traits, path)}
            holds = not names.isdisjoint(value.casefold() for value in values)
            return Verdict(holds, shopper.trait_changes.get(path.split(".")[0]))
        case Attribute(name, values):
            value = shopper.attributes.get(name)
            return Verdict(value is not None and str(value).casefold() in {one.casefold() for one in values})


def _count(leaf: EventCount, shopper: ShopperState) -> Verdict:
    since = None if leaf.window is None else shopper.now - leaf.window.microseconds
    times = _times(leaf.event, leaf.filter, shopper, since=since)
    compare, bound = _COMPARE[leaf.comparison], leaf.times
    holds = compare(len(times), bound)
    if leaf.window is not None:
        for expired, at in enumerate(times, start=1):
            if compare(len(times) - expired, bound) != holds:
                return Verdict(holds, at + leaf.window.microseconds)
    return Verdict(holds)


def _last(leaf: LastEvent, shopper: ShopperState) -> Verdict:
    times = _times(leaf.event, leaf.filter, shopper, since=None)
    if not times:
        return Verdict(False)
    ends_at = times[-1] + leaf.window.microseconds
    is_recent = shopper.now < ends_at
    return Verdict(is_recent == (leaf.relation == "within"), ends_at if is_recent else None)


def _times(signal: str, product_filter: ProductFilter, shopper: ShopperState, *, since: int | None) -> list[int]:
    """Return the times of the events that count, by time: those after `since`, each message once."""
    by_message: dict[str, int] = {}
    allows, products = allowing(product_filter), shopper.products
    for one in reversed(shopper.history):
        if since is not None and one.at <= since:
            break
        if one.signal == signal and (allows is None or allows(one.product_id, products)):
            by_message.setdefault(one.message_id, one.at)
    return sorted(by_message.values())


@lru_cache(maxsize=1000)
def allowing(product_filter: ProductFilter) -> Callable[[str, Products], bool] | None:
    """Return the test of a product id; None where every product is allowed."""
    if product_filter == ProductFilter():
        return None
    ids = frozenset(product_filter.products)
    brands = frozenset(brand.casefold() for brand in product_filter.brands)
    categories = tuple(f"/{category.strip('/').casefold()}/" for category in product_filter.categories)

    @lru_cache(maxsize=10_000)
    def is_within(path: tuple[str, ...]) -> bool:
        text = f"/{'/'.join(path).casefold()}/"
        return any(category in text for category in categories)

    def allows(product_id: str, products: Products) -> bool:
        if ids and product_id not in ids:
            return False
        if not brands and not categories:
            return True
        info = products.get(product_id)
        if info is None or (brands and info.brand.casefold() not in brands):
            return False
        return not categories or is_within(info.category)

    return allows


def number_at(traits: Mapping[str, Any], path: str) -> float | None:
    """Return the number at a dotted path of the trait values, or None."""
    value: Any = traits
    for name in path.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def names_at(traits: Mapping[str, Any], path: str) -> list[str]:
    """Return the names at a path: of a text itself, of a list its texts or the `name` of each entry."""
    value = traits.get(path)
    entries = value if isinstance(value, list) else [value]
    names = [one.get("name") if isinstance(one, Mapping) else one for one in entries]
    return [name for name in names if isinstance(name, str)]

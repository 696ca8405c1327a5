"""A rule in words that a marketer reads. Pure."""

from typing import Final

from profiles.segments.rules.conditions import (
    EVENTS,
    Attribute,
    Comparison,
    EventCount,
    Group,
    LastEvent,
    Node,
    Not,
    ProductFilter,
    TraitName,
    TraitNumber,
)
from profiles.traits.registry import TRAIT_FIELDS

COMPARISONS: Final[dict[Comparison, str]] = {"at_least": "at least", "at_most": "at most", "equals": "exactly"}


def sentence(node: Node) -> str:
    """Return the rule as one sentence."""
    text = _words(node, nested=False)
    return text[:1].upper() + text[1:]


def _words(node: Node, *, nested: bool) -> str:
    match node:
        case Group(mode, parts):
            joined = f" {'and' if mode == 'all' else 'or'} ".join(_words(part, nested=True) for part in parts)
            return f"({joined})" if nested and len(parts) > 1 else joined
        case Not(part):
            return f"not ({_words(part, nested=False)})"
        case TraitNumber(path, comparison, value):
            return f"{TRAIT_FIELDS[path].title.lower()} {COMPARISONS[comparison]} {value:g}"
        case TraitName(path, values):
            return f"{TRAIT_FIELDS[path].title.lower()}: {' or '.join(values)}"
        case Attribute(name, values):
            return f"{name} is {' or '.join(values)}"
        case EventCount(event, comparison, times, window, product_filter):
            within = "" if window is None else f" within {window}"
            counted = f"{COMPARISONS[comparison]} {times} {'time' if times == 1 else 'times'}"
            return f"{EVENTS[event]} {_products(product_filter)} {counted}{within}"
        case LastEvent(event, relation, window, product_filter):
            age = f"within the last {window}" if relation == "within" else f"more than {window} ago"
            return f"last {EVENTS[event]} {_products(product_filter)} {age}"


def _products(product_filter: ProductFilter) -> str:
    parts = (
        f"product {' or '.join(product_filter.products)}" if product_filter.products else "",
        f"products in {' or '.join(product_filter.categories)}" if product_filter.categories else "",
        f"products of {' or '.join(product_filter.brands)}" if product_filter.brands else "",
    )
    return ", ".join(part for part in parts if part) or "a product"

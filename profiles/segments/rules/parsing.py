"""Reads a rule segment from JSON. Every error names its field, such as `rule.all[1].within`. Pure."""

import math
import re
from collections.abc import Callable, Mapping
from typing import Any, Final, cast

from common.errors import FieldError, InvalidInput
from events.types.base import SIGNALS, Signal
from profiles.segments.rules.conditions import (
    UNITS,
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
    Window,
)
from profiles.traits.registry import TRAIT_FIELDS

MOST_DEPTH: Final = 6
MOST_CONDITIONS: Final = 50
MOST_VALUES: Final = 200
MOST_TIMES: Final = 300
"""A profile holds that many events of a kind."""
LONGEST_DAYS: Final = 3650
COMPARISONS: Final[tuple[str, ...]] = ("at_least", "at_most", "equals")
FILTERS: Final = {"product": "products", "category": "categories", "brand": "brands"}
ALLOWED: Final[dict[str, tuple[str, ...]]] = {
    "all": ("all",),
    "any": ("any",),
    "not": ("not",),
    "trait": ("trait", "is", "value"),
    "attribute": ("attribute", "is", "value"),
    "event": ("event", "is", "times", "within", *FILTERS),
    "last": ("last", "within", "before", *FILTERS),
}
"""The kinds of condition, each with its fields."""
_WINDOW: Final = re.compile(r"\s*(\d{1,5})\s*(minute|hour|day|week)s?\s*", re.IGNORECASE)


def parse(rule: Any) -> Node:
    """Return the tree of a rule. Raises InvalidInput with an error for each wrong condition, at its field."""
    reader = _Reader()
    node = reader.node(rule, "rule", depth=1)
    if reader.conditions > MOST_CONDITIONS:
        reader.errors.append(FieldError("rule", f"has more than {MOST_CONDITIONS} conditions"))
    if reader.errors or node is None:
        raise InvalidInput(str(reader.errors[0]), errors=tuple(reader.errors))
    return node


class _Reader:
    """Reads one rule and collects its errors, one for each condition."""

    def __init__(self) -> None:
        self.errors: list[FieldError] = []
        self.conditions = 0

    def node(self, rule: Any, at: str, *, depth: int) -> Node | None:
        """Return the tree at a place of the rule; None, and an error, where it is wrong."""
        try:
            kind = _kind(rule, at, depth=depth)
            if kind in ("all", "any"):
                return self._group(rule, kind, at, depth)
            if kind == "not":
                part = self.node(rule["not"], f"{at}.not", depth=depth + 1)
                return None if part is None else Not(part)
            self.conditions += 1
            return READERS[kind](rule, at)
        except InvalidInput as error:
            self.errors += error.errors
            return None

    def _group(self, rule: Mapping[str, Any], mode: str, at: str, depth: int) -> Group:
        parts = rule[mode]
        if not isinstance(parts, list) or not parts:
            raise InvalidInput.of(f"{at}.{mode}", "must be a list with at least one condition")
        nodes = [self.node(part, f"{at}.{mode}[{place}]", depth=depth + 1) for place, part in enumerate(parts)]
        return Group("all" if mode == "all" else "any", tuple(node for node in nodes if node is not None))


def _kind(rule: Any, at: str, *, depth: int) -> str:
    if not isinstance(rule, Mapping):
        raise InvalidInput.of(at, 'must be an object, such as {"all": […]}')
    kinds = [kind for kind in ALLOWED if kind in rule]
    if len(kinds) != 1:
        raise InvalidInput.of(at, f"must have exactly one of {', '.join(ALLOWED)}")
    for name in rule:
        if name not in ALLOWED[kinds[0]]:
            raise InvalidInput.of(f"{at}.{name}", f"is unknown here; possible are {', '.join(ALLOWED[kinds[0]])}")
    if depth > MOST_DEPTH:
        raise InvalidInput.of(at, f"is nested deeper than {MOST_DEPTH} levels")
    return kinds[0]


def _trait(rule: Mapping[str, Any], at: str) -> TraitNumber | TraitName:
    trait_field = TRAIT_FIELDS.get(rule["trait"]) if isinstance(rule["trait"], str) else None
    if trait_field is None:
        raise InvalidInput.of(f"{at}.trait", f"is unknown; there are {', '.join(sorted(TRAIT_FIELDS))}")
    if trait_field.kind == "name":
        _one_of(rule, at)
        return TraitName(trait_field.path, _texts(rule.get("value"), f"{at}.value"))
    comparison, value = _comparison(rule, at), rule.get("value")
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise InvalidInput.of(f"{at}.value", "must be a number")
    return TraitNumber(trait_field.path, comparison, float(value))


def _attribute(rule: Mapping[str, Any], at: str) -> Attribute:
    name = rule["attribute"]
    if not isinstance(name, str) or not name.strip():
        raise InvalidInput.of(f"{at}.attribute", "must be the name of an attribute")
    _one_of(rule, at)
    return Attribute(name.strip(), _texts(rule.get("value"), f"{at}.value"))


def _event(rule: Mapping[str, Any], at: str) -> EventCount:
    event, comparison, times = _signal(rule["event"], f"{at}.event"), _comparison(rule, at), rule.get("times")
    if isinstance(times, bool) or not isinstance(times, int) or not 0 <= times <= MOST_TIMES:
        raise InvalidInput.of(f"{at}.times", f"must be a whole number from 0 to {MOST_TIMES}")
    if comparison == "at_least" and times == 0:
        raise InvalidInput.of(f"{at}.times", "must be at least 1: at least 0 times is always true")
    window = None if rule.get("within") in (None, "") else _window(rule["within"], f"{at}.within")
    return EventCount(event, comparison, times, window, _filter(rule, at))


def _last(rule: Mapping[str, Any], at: str) -> LastEvent:
    event = _signal(rule["last"], f"{at}.last")
    relations = [name for name in ("within", "before") if rule.get(name) not in (None, "")]
    if len(relations) != 1:
        raise InvalidInput.of(f"{at}.within", "needs either within or before, such as 30 days")
    window = _window(rule[relations[0]], f"{at}.{relations[0]}")
    return LastEvent(event, "within" if relations == ["within"] else "before", window, _filter(rule, at))


READERS: Final[dict[str, Callable[[Mapping[str, Any], str], Leaf]]] = {
    "trait": _trait,
    "attribute": _attribute,
    "event": _event,
    "last": _last,
}


def _signal(value: Any, at: str) -> Signal:
    if value not in SIGNALS:
        raise InvalidInput.of(at, f"is unknown; there are {', '.join(SIGNALS)}")
    return cast("Signal", value)


def _comparison(rule: Mapping[str, Any], at: str) -> Comparison:
    value = rule.get("is", "at_least")
    if value not in COMPARISONS:
        raise InvalidInput.of(f"{at}.is", f"must be one of {', '.join(COMPARISONS)}")
    return cast("Comparison", value)


def _one_of(rule: Mapping[str, Any], at: str) -> None:
    if rule.get("is", "one_of") != "one_of":
        raise InvalidInput.of(f"{at}.is", "must be one_of, because texts are compared")


def _window(value: Any, at: str) -> Window:
    match = _WINDOW.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise InvalidInput.of(at, f"must be an amount and a unit ({', '.join(UNITS)}), such as 30 minutes")
    window = Window(int(match[1]), match[2].lower())
    if not 0 < window.microseconds <= LONGEST_DAYS * UNITS["day"] * 1_000_000:
        raise InvalidInput.of(at, f"must be from 1 minute to {LONGEST_DAYS} days")
    return window


def _filter(rule: Mapping[str, Any], at: str) -> ProductFilter:
    return ProductFilter(
        **{
            plural: _texts(rule[name], f"{at}.{name}")
            for name, plural in FILTERS.items()
            if rule.get(name) not in (None, "", [])
        }
    )


def _texts(value: Any, at: str) -> tuple[str, ...]:
    values = value if isinstance(value, list) else [value]
    texts = [str(one).strip() for one in values if isinstance(one, str | int | float) and str(one).strip()]
    if not texts or len(texts) != len(values):
        raise InvalidInput.of(at, "must be a text or a list of texts")
    if len(texts) > MOST_VALUES:
        raise InvalidInput.of(at, f"has {len(texts)} values; at most {MOST_VALUES} are possible")
    return tuple(dict.fromkeys(texts))

"""The allow-list of event fields: which purposes need a field, and what is dropped before the log. Pure.

One declaration for the door, which drops what no allowed purpose needs, and for the page *Collected fields*, which
says why a field is kept. A path is `properties.NAME`, `properties.products[].NAME`, `traits.NAME` or `context.NAME`.
"""

from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any, Final, NamedTuple

from msgspec.structs import replace

from consents.verdict import ESSENTIAL, KEPT_FOR
from customers.personal import EMAIL_HASHES, PERSONAL, canonical
from events.types.base import Event, Kind
from events.types.consent_updated import CONSENT_UPDATED
from events.types.registry import EVENT_TYPES, event_type

PROPERTY, PRODUCT, TRAIT, CONTEXT = "properties.", "properties.products[].", "traits.", "context."
PARTS: Final = (PRODUCT, PROPERTY, TRAIT, CONTEXT)
"""How a path begins; that of a product stands before that of a property, which is its beginning."""
ANY: Final = "*"
"""The name that allows all fields of a part."""
OWN: Final = ("own",)
"""Stands for the purposes for which the event itself is kept: such a field is as long there as its event."""
LISTS: Final = ("personalization", "analytics", "experiments")
MODELS: Final = ("personalization", "train_models", "analytics", "experiments")


class Allowance(NamedTuple):
    """Purposes of which each needs a field, and what reads it, in words. `event` is the only event meant, "" for all.

    A standard field that an event's type describes has the reader "".
    """

    path: str
    purposes: tuple[str, ...]
    reader: str
    event: str = ""


class Drops(NamedTuple):
    """Paths that were dropped from an event: on nobody's list, and those whose purposes the shopper does not allow."""

    unlisted: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()


_ORDERS: Final = "recommendations, orders"
_PRODUCT: Final = ("product_id", "productId", "sku", "id", "quantity", "price")
_MONEY: Final = ("order_id", "revenue", "total", "shipping", "tax", "discount", "currency", "coupon", "products")
_TRACK: Final = (
    *(Allowance(f"{PROPERTY}{name}", OWN, _ORDERS) for name in (*_PRODUCT, *_MONEY)),
    *(Allowance(f"{PRODUCT}{name}", OWN, _ORDERS) for name in _PRODUCT),
    *(Allowance(f"{part}{name}", OWN, _ORDERS) for part in (PROPERTY, PRODUCT) for name in ("list_id", "position")),
    *(Allowance(f"{PROPERTY}{name}", MODELS, _ORDERS) for name in ("rating", "liked")),
    Allowance(f"{PROPERTY}experiment_id", OWN, "experiments", "Experiment Viewed"),
    Allowance(f"{PROPERTY}variation_id", OWN, "experiments", "Experiment Viewed"),
)  # fmt: skip
_PAGE_FIELDS: Final = ("path", "title", "url", "referrer")
_PAGE: Final = (
    *(Allowance(f"{PROPERTY}{name}", OWN, "the name of the page") for name in ("category", "name")),
    *(Allowance(f"{PROPERTY}{name}", ("analytics",), "a customer's page") for name in _PAGE_FIELDS),
)  # fmt: skip
_CONTEXT: Final = (
    Allowance(f"{CONTEXT}campaign", LISTS, "the trait channel"),
    Allowance(f"{CONTEXT}consent", (ESSENTIAL,), "consent proof"),
    Allowance(f"{CONTEXT}device", MODELS, "the trait device, experiments, training"),
    Allowance(f"{CONTEXT}page", LISTS, "the trait channel"),
    Allowance(f"{CONTEXT}region", (ESSENTIAL,), "consent rules, the trait region, training"),
)
"""Readers of a context's parts: `profiles.traits.context`, `events.contexts`, `consents`."""
_CONTACT: Final = Allowance(TRAIT, (ESSENTIAL,), "the search for customers")
_ATTRIBUTE: Final = ("personalization", "train_models", "experiments")


class FieldList:
    """The list of one moment: standard fields, shopper attributes, and the shop's own allowances."""

    def __init__(self, own: Iterable[Allowance] = (), *, attributes: Iterable[str] = ()) -> None:
        self.own = tuple(own)
        self._traits = tuple(
            Allowance(f"{TRAIT}{one}", _ATTRIBUTE, "profiles, segments, training") for one in attributes
        )
        self._events = EVENT_TYPES.keys() | {one.event for one in self.own}
        self._masks: dict[tuple[str, str, tuple[str, ...]], _Mask] = {}

    def minimized(self, event: Event) -> tuple[Event, Drops]:
        """Return the event with the fields that a purpose of `event.allowed` needs, and the paths of the others."""
        mask = self._mask(event.kind, event.name if event.name in self._events else "", event.allowed)
        properties, traits, context = event.properties, event.traits, event.context
        products = properties.get("products")
        lacks: list[str] = []
        if not mask.fits(PROPERTY, properties):
            properties = mask.reduced(PROPERTY, properties, lacks)
        if isinstance(products, list) and "products" in properties and not mask.fit(PRODUCT, products):
            lines = [mask.reduced(PRODUCT, one, lacks) if isinstance(one, dict) else one for one in products]
            properties = {**properties, "products": lines}
        if traits and not mask.fits(TRAIT, traits):
            traits = mask.reduced(TRAIT, traits, lacks)
        if not mask.fits(CONTEXT, context):
            context = mask.reduced(CONTEXT, context, lacks)
        if not lacks:
            return event, NO_DROPS
        paths, listed = tuple(dict.fromkeys(lacks)), mask.listed
        refused = {path for path in paths if path in listed or f"{_part(path)}{ANY}" in listed}
        drops = Drops(
            tuple(path for path in paths if path not in refused), tuple(path for path in paths if path in refused)
        )
        return replace(event, properties=properties, traits=traits, context=context), drops

    def allowances(self, kind: Kind, event: str, path: str) -> list[Allowance]:
        """Return why a field may be kept: its allowances, with `OWN` as the purposes of the event."""
        anything = f"{_part(path)}{ANY}"
        allowances = [one for one in self._of(kind, event) if one.path in (path, anything)]
        if path.startswith(TRAIT) and _is_contact(path.removeprefix(TRAIT)):
            allowances.append(_CONTACT)
        return [one._replace(purposes=uses(kind, event)) if one.purposes == OWN else one for one in allowances]

    def _of(self, kind: Kind, event: str) -> Iterator[Allowance]:
        """Yield the allowances of an event's fields."""
        if kind == "track":
            described = event_type(event)
            if described.server_only:
                yield Allowance(f"{PROPERTY}{ANY}", OWN, "Vitrine's own event")
                yield Allowance(f"{PRODUCT}{ANY}", OWN, "Vitrine's own event")
            yield from (one for one in _TRACK if one.event in ("", described.name))
            yield from (
                Allowance(f"{PROPERTY}{one.name}", OWN, "") for one in described.fields if one.name not in _NARROW
            )
        elif kind in ("page", "screen"):
            yield from _PAGE
        elif kind == "group":
            yield Allowance(f"{PROPERTY}group_id", OWN, "the group")
        yield from self._traits
        yield from _CONTEXT
        yield from (one for one in self.own if one.event in ("", event))

    def _mask(self, kind: Kind, event: str, allowed: tuple[str, ...]) -> "_Mask":
        key = (kind, event, allowed)
        if (mask := self._masks.get(key)) is None:
            mask = self._masks[key] = _Mask(self._of(kind, event), uses(kind, event), {*allowed, ESSENTIAL})
        return mask


class _Mask:
    """The names that are kept of each part, for one event type and one consent. `listed`: paths with any purpose."""

    def __init__(self, allowances: Iterable[Allowance], own: tuple[str, ...], allowed: set[str]) -> None:
        names: dict[str, set[str]] = {part: set() for part in PARTS}
        self.listed: set[str] = set()
        for one in allowances:
            self.listed.add(one.path)
            if not allowed.isdisjoint(own if one.purposes == OWN else one.purposes):
                part = _part(one.path)
                names[part].add(one.path.removeprefix(part))
        self._names = {part: frozenset(allowed) for part, allowed in names.items()}
        self._whole = {part for part, allowed in names.items() if ANY in allowed}

    def fits(self, part: str, fields: Mapping[str, Any]) -> bool:
        """Return whether all fields are kept."""
        return fields.keys() <= self._names[part] or part in self._whole

    def fit(self, part: str, objects: Iterable[Any]) -> bool:
        """Return whether all fields of all objects are kept."""
        names = self._names[part]
        return part in self._whole or all(one.keys() <= names for one in objects if isinstance(one, dict))

    def reduced(self, part: str, fields: dict[str, Any], lacks: list[str]) -> dict[str, Any]:
        """Return the fields that are kept; add the paths of the others to `lacks`."""
        names = self._names[part]
        others = {name for name in fields if name not in names and not (part == TRAIT and _is_contact(name))}
        lacks.extend(f"{part}{name}" for name in fields if name in others)
        return {name: value for name, value in fields.items() if name not in others}


NO_DROPS: Final = Drops()
_NARROW: Final = frozenset({"rating", "liked"})
"""Described fields with fewer purposes than their event."""


def uses(kind: Kind, name: str) -> tuple[str, ...]:
    """Return the purposes for which an event may be kept. An order is a contract: it is essential."""
    if kind != "track":
        return KEPT_FOR
    purpose = event_type(name).purpose
    # The log holds the decisions of one that a client sent in any case: on a notice where the event is not kept.
    return KEPT_FOR if name == CONSENT_UPDATED.name else (*KEPT_FOR, purpose)


def _part(path: str) -> str:
    return next(part for part in PARTS if path.startswith(part))


@lru_cache(maxsize=4096)
def _is_contact(name: str) -> bool:
    return canonical(name) in PERSONAL or canonical(name) in EMAIL_HASHES

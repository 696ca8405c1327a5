"""Which fields hold personal data: declared beside each model, and here for tables of libraries, Redis keys and files.

A model declares `personal_fields`, and in `impersonal_fields` what only looks personal, with the reason. The record of
processing (GDPR, Article 30) is made of these declarations. `problems` lists what is missing; a test holds it empty.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from django.apps import apps
from django.conf import settings

from common import privacy, retention

SHOPPERS: Final = "shoppers"
STAFF: Final = "staff"
CATEGORIES: Final = {
    "identifiers": "Identifiers of accounts and browsers",
    "contact": "Names, contact data and other attributes",
    "browsing": "What was looked at, searched and clicked, with device and page",
    "purchases": "Orders and what they hold",
    "profile": "Histories, traits and segments made from events",
    "decisions": "Decisions on consent",
    "requests": "Requests about personal data",
    "assignments": "Arms of experiments, and what units did",
    "account": "Accounts of staff",
    "actions": "What members of staff did",
}
LEGAL_OBLIGATION: Final = "legal_obligation"
OWN_PURPOSES: Final = {
    "service": ("Serving the customer who asks", "contract"),
    "tax": ("Keeping orders for tax and accounts", LEGAL_OBLIGATION),
    "accountability": ("Proving that the law is kept, and answering shoppers", LEGAL_OBLIGATION),
    "security": ("Protecting the systems, and knowing who changed what", "legitimate_interest"),
}
"""Purposes that no shopper decides on: title and legal basis. The others are rows of `consents.Purpose`."""
ACCOUNT, CLOSING, MARK, EXPIRY = "account", "closing", "mark", "expiry"
OWN_ERASERS: Final = {
    ACCOUNT: "Who manages accounts deletes one. What it did then names a number that leads to nobody.",
    CLOSING: "Closing a request deletes what it says about the shopper, besides a keyed mark.",
    MARK: "The keyed mark stays: it keeps an erased shopper from coming back, and proves the answer.",
    EXPIRY: "It expires within minutes.",
}
"""What erases where no store of `common.privacy` does."""

LOOKS_PERSONAL: Final = re.compile(
    r"(^|_)(user|anonymous|raw|claimed|previous|from|subject|customer|session|actor|unit|units|owner|by|email|phone|"
    r"address|ip|username|first_name|last_name|password|birthday|traits|attributes|context|properties|payload|identity|"
    r"pseudonym|mark|history|search_tokens|ciphertext|coupon|digest|login)(_(id|ids|key|hash|mark|text))?$"
)
"""Names of fields that hold personal data as a rule."""
TEXTS: Final = frozenset({"CharField", "TextField", "ArrayField", "UUIDField"})
FREE_FORM: Final = frozenset({"JSONField", "BinaryField", "EmailField", "GenericIPAddressField"})
"""Types of fields that may hold anything, or personal data alone."""
LIBRARIES: Final = frozenset({"auth", "contenttypes", "django_celery_beat"})
"""Apps of libraries whose tables hold nothing about people, besides accounts' links to roles."""


@dataclass(frozen=True, slots=True)
class PersonalFields:
    """Fields of one table, key or file: category, purposes, retention and eraser by name, and about whom they are.

    `eraser` is a store of `common.privacy`, or one of `OWN_ERASERS`.
    """

    fields: tuple[str, ...]
    category: str
    purposes: tuple[str, ...]
    retention: str
    eraser: str
    persons: str = SHOPPERS


def staff_fields(*fields: str, retention: str = "staff_actions") -> PersonalFields:
    """Return the declaration of fields that name who of the staff did something."""
    return PersonalFields(fields, "actions", ("security",), retention, ACCOUNT, STAFF)


@dataclass(frozen=True, slots=True)
class Place:
    """One table, Redis key or file with personal data. `where` is the table's name, or the pattern of keys or paths."""

    name: str
    where: str
    engine: str
    groups: tuple[PersonalFields, ...]


_places: list[Place] = []
_of_libraries: dict[str, tuple[tuple[PersonalFields, ...], dict[str, str]]] = {}


def declare(name: str, *, where: str, engine: str, groups: tuple[PersonalFields, ...]) -> None:
    """Declare what Redis keys or files hold about people."""
    _places.append(Place(name, where, engine, groups))


def declare_model(label: str, *groups: PersonalFields, impersonal: dict[str, str] | None = None) -> None:
    """Declare what a library's model (`app.Model`) holds, as `personal_fields` and `impersonal_fields` do of ours."""
    _of_libraries[label] = (groups, impersonal or {})


def groups_of(model: Any) -> tuple[PersonalFields, ...]:
    """Return the declared personal fields of a model."""
    groups: tuple[PersonalFields, ...] = getattr(model, "personal_fields", None) or ()
    return groups or _of_libraries.get(model._meta.label, ((), {}))[0]


def names_of(model: Any) -> tuple[str, ...]:
    """Return the names of a model's personal fields."""
    return tuple(name for group in groups_of(model) for name in group.fields)


def places() -> tuple[Place, ...]:
    """Return every place with personal data: tables, then Redis, then files."""
    tables = [
        Place(str(model._meta.verbose_name_plural), model._meta.db_table, "PostgreSQL", groups)
        for model in _models()
        if (groups := groups_of(model))
    ]
    return (*tables, *sorted(_places, key=lambda place: (place.engine != "Redis", place.where)))


def problems(purposes: frozenset[str]) -> list[str]:
    """Return what is not declared, or declared wrongly. `purposes` are the names that shoppers decide on."""
    allowed_purposes = purposes | OWN_PURPOSES.keys()
    lines = [line for model in _models() for line in _undeclared(model)]
    for place in places():
        for group in place.groups:
            lines += [f"{place.where}: {line}" for line in _wrong(group, allowed_purposes)]
    erasers = {group.eraser for place in places() for group in place.groups}
    lines += [f"store {one.name!r}: no declaration names it" for one in privacy.stores() if one.name not in erasers]
    return lines


def _models() -> Iterator[Any]:
    for model in apps.get_models(include_auto_created=True):
        # Links that Django makes between two tables hold no column of their own; the demo's room has no tables.
        if model._meta.app_label not in LIBRARIES and not model._meta.auto_created:
            yield model


def _undeclared(model: Any) -> Iterator[str]:
    groups, impersonal = groups_of(model), _impersonal(model)
    declared_names = names_of(model)
    fields = {field.name: field for field in model._meta.get_fields() if field.concrete and not field.many_to_many}
    for name in sorted({*declared_names, *impersonal} - fields.keys()):
        yield f"{model._meta.label}.{name}: declared, and no field"
    for name in sorted(set(declared_names) & impersonal.keys()):
        yield f"{model._meta.label}.{name}: declared both personal and impersonal"
    for name, field in fields.items():
        if name in declared_names or name in impersonal:
            continue
        if reason := _suspicion(field):
            yield f"{model._meta.label}.{name}: {reason}, and is not declared"
    if not groups and any(_leads_to_people(field) for field in fields.values() if field.name not in impersonal):
        yield f"{model._meta.label}: refers to a table about people, and declares nothing"


def _suspicion(field: Any) -> str:
    """Return why a field looks personal; "" where it does not."""
    if field.is_relation:
        return "names a member of staff" if field.related_model._meta.label == settings.AUTH_USER_MODEL else ""
    if field.get_internal_type() in FREE_FORM:
        return "may hold anything"
    is_text = field.get_internal_type() in TEXTS
    return "looks personal" if is_text and LOOKS_PERSONAL.search(field.name) else ""


def _leads_to_people(field: Any) -> bool:
    """Return whether the rows of the other table are about one shopper each: it has a column with an id."""
    if not field.is_relation:
        return False
    other = field.related_model
    ids = [name for group in groups_of(other) if group.persons == SHOPPERS for name in group.fields]
    return any(other._meta.get_field(name).get_internal_type() in TEXTS for name in ids)


def _impersonal(model: Any) -> dict[str, str]:
    reasons: dict[str, str] = getattr(model, "impersonal_fields", None) or {}
    return reasons or _of_libraries.get(model._meta.label, ((), {}))[1]


def _wrong(group: PersonalFields, purposes: frozenset[str] | set[str]) -> Iterator[str]:
    """Yield what a declaration names that does not exist."""
    erasers = {*(store.name for store in privacy.stores()), *OWN_ERASERS}
    if not group.fields:
        yield "no fields"
    if group.category not in CATEGORIES:
        yield f"unknown category {group.category!r}"
    if not group.purposes:
        yield "no purpose"
    yield from (f"unknown purpose {name!r}" for name in group.purposes if name not in purposes)
    if group.retention not in {one.name for one in retention.retentions()}:
        yield f"unknown retention {group.retention!r}"
    if group.eraser not in erasers:
        yield f"unknown eraser {group.eraser!r}"

"""The record of processing activities (GDPR, Article 30), made from the declarations beside the models."""

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final

import orjson
from django.conf import settings

from common import clock, personal_data, retention
from common.personal_data import CATEGORIES, OWN_ERASERS, OWN_PURPOSES, PersonalFields, Place
from common.spreadsheet import defused
from consents.models import Purpose
from consents.models.decisions import BASES
from consents.verdict import ESSENTIAL

BASIS: Final = dict(BASES)
NOBODY: Final = "nobody outside the shop"
UNSTATED: Final = "not stated: add a version of the purpose that names them"
FORMATS: Final = ("markdown", "csv", "json")
SECURITY: Final = (
    "Staff sign in by name; roles allow each what the work needs; names and contact data are masked for the others.",
    "Who did what stands in an audit log that the application cannot alter; it is signed and verified hourly.",
    "Details of the audit log and open privacy requests are encrypted under keys of the person (AES-256-GCM).",
    "Keys of programs are stored as hashes, with scopes, origins, expiry and rate limits.",
    "An IP address serves to find the region and to limit abuse; no event keeps it.",
    "Events without consent are counted without ids; a refusal takes effect within seconds.",
    "Erasure reaches each store listed here, is verified by a second search, and is proven by a receipt.",
)
"""Technical and organizational measures, as far as the software has them (Article 30(1)(g))."""


@dataclass(frozen=True, slots=True)
class Activity:
    """What is done for one purpose."""

    purpose: str
    title: str
    legal_basis: str
    persons: str
    categories: str
    recipients: str
    retention: str
    places: str
    is_sale_or_share: bool


@dataclass(frozen=True, slots=True)
class PlaceRow:
    """One group of fields of one place, in words."""

    place: str
    engine: str
    where: str
    fields: str
    category: str
    persons: str
    purposes: str
    retention: str
    eraser: str


@dataclass(frozen=True, slots=True)
class ProcessingRecord:
    """The whole record."""

    controller: str
    contact: str
    at: datetime
    activities: Sequence[Activity]
    places: Sequence[PlaceRow]
    security: Sequence[str] = SECURITY


def processing_record() -> ProcessingRecord:
    """Return the record of this moment."""
    groups = [(place, group) for place in personal_data.places() for group in place.groups]
    return ProcessingRecord(
        controller=settings.SHOP_NAME,
        contact=settings.PRIVACY_CONTACT or "not stated: set PRIVACY_CONTACT in the environment (docs/operations.md)",
        at=clock.real_now(),
        activities=[one for one in _activities(groups) if one.places],
        places=[_place_row(place, group) for place, group in groups],
    )


def purpose_names() -> frozenset[str]:
    """Return the names of the purposes that shoppers decide on."""
    return frozenset(Purpose.objects.values_list("name", flat=True))


def retention_days() -> dict[str, int | None]:
    """Return how many days each purpose that shoppers decide on keeps data; None or 0: without end."""
    rows = Purpose.objects.exclude(name=ESSENTIAL).order_by("name", "version")
    return dict(rows.values_list("name", "retention_days"))


def undeclared() -> list[str]:
    """Return what the record misses: fields without a declaration, and declarations that name what does not exist."""
    return personal_data.problems(purpose_names())


def as_text(record: ProcessingRecord, format: str) -> str:
    """Return the record in one of `FORMATS`. Raises ValueError for another one."""
    if format == "json":
        return orjson.dumps(asdict(record), option=orjson.OPT_INDENT_2).decode() + "\n"
    if format == "csv":
        return _csv(record)
    if format == "markdown":
        return _markdown(record)
    raise ValueError(format)


def _activities(groups: list[tuple[Place, PersonalFields]]) -> Iterable[Activity]:
    latest = {row.name: row for row in Purpose.objects.order_by("name", "version")}
    for name, row in latest.items():
        yield _activity(
            name, row.title, row.legal_basis, groups, recipients=row.recipients, is_sale_or_share=row.sale_or_share
        )
    for name, (title, basis) in OWN_PURPOSES.items():
        yield _activity(name, title, basis, groups)


def _activity(
    name: str,
    title: str,
    basis: str,
    groups: list[tuple[Place, PersonalFields]],
    *,
    recipients: Sequence[str] = (),
    is_sale_or_share: bool = False,
) -> Activity:
    mine = [(place, group) for place, group in groups if name in group.purposes]
    kinds = {group.retention for _, group in mine}
    return Activity(
        purpose=name,
        title=title,
        legal_basis=BASIS[basis],
        persons=", ".join(sorted({group.persons for _, group in mine})),
        categories="; ".join(
            text for category, text in CATEGORIES.items() if category in {g.category for _, g in mine}
        ),
        recipients=", ".join(recipients) or (UNSTATED if is_sale_or_share else NOBODY),
        retention="; ".join(f"{one.title}: {one.in_words}" for one in retention.retentions() if one.name in kinds),
        places=", ".join(dict.fromkeys(place.name for place, _ in mine)),
        is_sale_or_share=is_sale_or_share,
    )


def _place_row(place: Place, group: PersonalFields) -> PlaceRow:
    periods = {one.name: one.in_words for one in retention.retentions()}
    return PlaceRow(
        place=place.name,
        engine=place.engine,
        where=place.where,
        fields=", ".join(group.fields),
        category=CATEGORIES[group.category],
        persons=group.persons,
        purposes=", ".join(group.purposes),
        retention=periods.get(group.retention, group.retention),
        eraser=OWN_ERASERS.get(group.eraser, f"store “{group.eraser}”"),
    )


def _csv(record: ProcessingRecord) -> str:
    """Return one line a group of fields, which spreadsheet programs filter."""
    file = io.StringIO()
    writer = csv.writer(file)
    names = list(PlaceRow.__dataclass_fields__)
    writer.writerow(names)
    writer.writerows([defused(str(getattr(row, name))) for name in names] for row in record.places)
    return file.getvalue()


def _markdown(record: ProcessingRecord) -> str:
    lines = [
        "# Record of processing activities",
        "",
        f"* Controller: {record.controller}",
        f"* Contact: {record.contact}",
        f"* As of: {record.at:%Y-%m-%d %H:%M} UTC",
        "",
    ]
    for one in record.activities:
        lines += [f"## {one.title}", "", *(f"* {name}: {value}" for name, value in _details(one)), ""]
    lines += ["## Places", "", *_table(record.places), "", "## Security", "", *(f"* {one}" for one in record.security)]
    return "\n".join(lines) + "\n"


def _details(one: Activity) -> list[tuple[str, str]]:
    return [
        ("Purpose", f"`{one.purpose}`"),
        ("Legal basis", one.legal_basis),
        ("Persons", one.persons),
        ("Categories of data", one.categories),
        ("Recipients", one.recipients + (" (a sale or a sharing under the CCPA)" if one.is_sale_or_share else "")),
        ("Retention", one.retention),
        ("Places", one.places),
    ]


def _table(rows: Sequence[Any]) -> list[str]:
    names = list(PlaceRow.__dataclass_fields__)
    cells = [[str(getattr(row, name)).replace("|", "\\|") for name in names] for row in rows]
    header = [name.capitalize() for name in names]
    return [f"| {' | '.join(row)} |" for row in (header, ["---"] * len(names), *cells)]

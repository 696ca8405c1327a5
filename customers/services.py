"""Writes of customers, called by the recorder inside its transaction. All safe to run twice and in any order."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from common.clock import from_microseconds
from customers.identity import Link
from customers.models import Customer, CustomerLink

MOST_ATTRIBUTES, MOST_CHARACTERS, MOST_BYTES = 200, 100, 4_000
"""Of one raw id, as many and as long names as a product's attributes may have; bytes of one value as JSON."""


@dataclass(frozen=True, slots=True)
class Said:
    """Traits of one identify."""

    raw_id: str
    at: int
    message_id: str
    traits: Mapping[str, Any]


def apply_links(links: Iterable[Link]) -> None:
    """Keep each link once."""
    rows = [
        CustomerLink(
            kind=link.kind,
            from_id=link.from_id,
            user_id=link.user_id,
            at=from_microseconds(link.at),
            message_id=link.message_id,
        )
        for link in sorted(links, key=lambda link: (link.kind, link.from_id, link.message_id))
    ]
    if rows:
        CustomerLink.objects.bulk_create(rows, ignore_conflicts=True, batch_size=2000)


def meet(raw_ids: Iterable[str]) -> None:
    """Make a row for each id not met before."""
    rows = [Customer(raw_id=raw_id) for raw_id in sorted(set(raw_ids))]
    if rows:
        Customer.objects.bulk_create(rows, ignore_conflicts=True, batch_size=5000)


def apply_traits(said: Iterable[Said]) -> None:
    """Merge what was said: per attribute the latest by event time wins, ties by message id.

    Ids that were never met, or erased since, are met.
    """
    by_id: dict[str, list[Said]] = {}
    for one in said:
        by_id.setdefault(one.raw_id, []).append(one)
    if not by_id:
        return
    meet(by_id)
    rows = list(Customer.objects.select_for_update().filter(raw_id__in=by_id).order_by("raw_id"))
    for row in rows:
        for one in by_id[row.raw_id]:
            merge(row.attributes, row.said, one)
    Customer.objects.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["raw_id"],
        update_fields=["attributes", "said"],
        batch_size=2000,
    )


def merge(attributes: dict[str, Any], said: dict[str, Any], one: Said) -> None:
    """Take over each trait that is newer than what is known. A trait said to be null is removed, and stays removed.

    The `MOST_ATTRIBUTES` that were said last are kept, whatever order they come in. A value of over `MOST_BYTES` stands
    in its event alone, and what was said before it no longer holds: each identify writes the whole row.
    """
    stamp = [one.at, one.message_id]
    for name, value in one.traits.items():
        if len(name) > MOST_CHARACTERS or (name in said and tuple(said[name]) >= tuple(stamp)):
            continue
        said[name] = stamp
        if value is None or len(orjson.dumps(value)) > MOST_BYTES:
            attributes.pop(name, None)
        else:
            attributes[name] = value
    for name in sorted(said, key=lambda name: (*said[name], name))[: max(0, len(said) - MOST_ATTRIBUTES)]:
        del said[name]
        attributes.pop(name, None)

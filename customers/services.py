"""Writes of customers, called by the recorder inside its transaction. All may run twice and in any order."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from django.db import connection

from common.clock import from_microseconds
from customers.identity import Link
from customers.models import Customer
from customers.personal_seals import opened_all, plain_size
from customers.search_tokens import token_of_email, tokens_of_names

MAX_ATTRIBUTES, MAX_NAME_LENGTH, MAX_VALUE_BYTES = 200, 100, 4_000
"""Number and name length of attributes of one raw id, as for products; bytes of one value as JSON."""

PROVEN = True
"""Stands in the stamp of an attribute behind time and message id, where its sender may name addresses."""

_LINK = """
INSERT INTO customers_link AS known (kind, from_id, user_id, at, message_id)
SELECT * FROM unnest(%s::text[], %s::text[], %s::text[], %s::timestamptz[], %s::text[])
ON CONFLICT (kind, from_id, message_id) DO UPDATE SET at = excluded.at WHERE excluded.at < known.at
"""
_UPDATE = """
UPDATE customers_customer AS known SET attributes = new.attributes::jsonb, attribute_stamps = new.stamps::jsonb,
    search_tokens = new.tokens::bigint[], email_hash = new.email_hash, proven_email_hash = new.proven_email_hash
FROM unnest(%s::bigint[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[])
    AS new (id, attributes, stamps, tokens, email_hash, proven_email_hash)
WHERE known.id = new.id
"""


@dataclass(frozen=True, slots=True)
class StatedTraits:
    """Traits of one identify. `proves_contacts`: a link may be sent to an address among them."""

    raw_id: str
    at: int
    message_id: str
    traits: Mapping[str, Any]
    proves_contacts: bool = False


def apply_links(links: Iterable[Link]) -> None:
    """Store each link once, with its earliest time."""
    earliest: dict[tuple[str, str, str], Link] = {}
    for link in sorted(links, key=lambda link: (link.kind, link.from_id, link.message_id, link.at)):
        earliest.setdefault((link.kind, link.from_id, link.message_id), link)
    if earliest:
        rows = (
            (one.kind, one.from_id, one.user_id, from_microseconds(one.at), one.message_id) for one in earliest.values()
        )
        with connection.cursor() as cursor:
            cursor.execute(_LINK, [list(column) for column in zip(*rows, strict=True)])


def ensure_customers(raw_ids: Iterable[str]) -> None:
    """Insert a row for each new id."""
    rows = [Customer(raw_id=raw_id) for raw_id in sorted(set(raw_ids))]
    if rows:
        Customer.objects.bulk_create(rows, ignore_conflicts=True, batch_size=5000)


def apply_traits(stated: Iterable[StatedTraits]) -> None:
    """Merge traits, as `sealed_by_subject` returns them: the latest by event time wins; message ids break ties.

    Rows of new ids, and of ids that were erased, are inserted.
    """
    by_id: dict[str, list[StatedTraits]] = {}
    for one in stated:
        by_id.setdefault(one.raw_id, []).append(one)
    if not by_id:
        return
    ensure_customers(by_id)
    rows = list(Customer.objects.select_for_update().filter(raw_id__in=by_id).order_by("raw_id"))
    for row in rows:
        for one in by_id[row.raw_id]:
            merge(row.attributes, row.attribute_stamps, one)
    for row, attributes in zip(rows, opened_all([row.attributes for row in rows]), strict=True):
        row.search_tokens, row.email_hash = tokens_of_names(attributes), token_of_email(attributes)
        proven = {name: value for name, value in attributes.items() if PROVEN in row.attribute_stamps[name]}
        row.proven_email_hash = token_of_email(proven)
    columns: list[Any] = [
        [row.pk for row in rows],
        [orjson.dumps(row.attributes).decode() for row in rows],
        [orjson.dumps(row.attribute_stamps).decode() for row in rows],
        ["{" + ",".join(map(str, row.search_tokens)) + "}" for row in rows],
        [row.email_hash for row in rows],
        [row.proven_email_hash for row in rows],
    ]
    with connection.cursor() as cursor:  # Django prepares each token alone, which takes longer than all the rest
        cursor.execute(_UPDATE, columns)


def merge(attributes: dict[str, Any], stamps: dict[str, Any], stated: StatedTraits) -> None:
    """Take each trait that is newer than the known one. A null removes the attribute, and stays as a removal.

    The `MAX_ATTRIBUTES` stated last are kept, in whatever order they come. A value above `MAX_VALUE_BYTES` is kept only
    on its event and removes the previous value, because each identify writes the whole row. Of a sealed value the size
    before counts.
    """
    stamp = [stated.at, stated.message_id, *([PROVEN] if stated.proves_contacts else [])]
    for name, value in stated.traits.items():
        if len(name) > MAX_NAME_LENGTH or (name in stamps and tuple(stamps[name][:2]) >= tuple(stamp[:2])):
            continue
        stamps[name] = stamp
        if value is None or plain_size(value) > MAX_VALUE_BYTES:
            attributes.pop(name, None)
        else:
            attributes[name] = value
    for name in sorted(stamps, key=lambda name: (*stamps[name][:2], name))[: max(0, len(stamps) - MAX_ATTRIBUTES)]:
        del stamps[name]
        attributes.pop(name, None)

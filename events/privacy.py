"""Access and erasure of a shopper's data in this room: events, the log and what waits, orders, rejected events."""

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from itertools import islice
from typing import Any, Final

import orjson
from django.db.models import Min, Q, QuerySet, TextField, Value
from django.db.models.functions import Concat

from common import privacy
from common.clock import from_microseconds
from consents.subjects import raw_ids
from customers.personal_seals import opened_all
from events.activity import within
from events.log import Entry, Log, get_log
from events.models import Event, Order, OrderLine, SetAside
from events.past_answers import keep_answers
from events.services import waiting
from events.services.collect import collect_server_items
from events.types.base import raw_id_of
from events.types.products import text

ERASED = "erased"
"""The owner of an erased shopper's order; the order itself is kept for tax."""
NOTE: Final = "Orders stay for tax, without who bought."
TIMES: Final[Mapping[Any, str]] = {Event: "at", Order: "placed_at"}
"""The time of a record, which says whose a shared device was."""
OPENED_AT_ONCE: Final = 500
EVENT_FIELDS: Final = ("user_id", "anonymous_id", "properties", "traits", "context")


ID_FIELDS: Final = ("userId", "anonymousId", "previousId", "user_id", "anonymous_id", "previous_id")


def register() -> None:
    """Add this room to the registry."""
    privacy.register(
        privacy.Store(
            name="events",
            erase=_erase,
            export=_export,
            discover=_discover,
            rectify=_rectify,
            subjects=_subjects,
            first=True,
            note=NOTE,
        )
    )


def _erase(person: privacy.Person) -> int:
    log = get_log()
    # What waits first, then the log: a decision would release the one, the recorder would write the other again.
    erased = waiting.forget(person.subjects)
    log.forget_names(person.subjects)
    erased += sum(log.forget(shard, offsets) for shard, offsets in _in_log(log, person) if offsets)
    keep_answers(_rows(Event, person))
    erased += _rows(Event, person).delete()[0] + _claims(person).delete()[0]
    erased += SetAside.objects.filter(pk__in=_set_aside(person)).delete()[0]
    orders = _rows(Order, person)
    lines = OrderLine.objects.filter(order__in=list(orders.values_list("pk", flat=True)))
    lines.update(raw_id=ERASED, list_id="")
    # One that no server sent proves no contract.
    erased += orders.filter(confirmed=False).delete()[0]
    orders.exclude(claimed_by="").update(claimed_by=Concat(Value(f"{ERASED}:"), "pk", output_field=TextField()))
    return erased + orders.update(user_id=None, anonymous_id=None, coupon="")


def _discover(person: privacy.Person) -> Iterator[privacy.Holding]:
    in_log = sum(len(offsets) for _, offsets in _in_log(get_log(), person))
    yield privacy.Holding("events", EVENT_FIELDS, _rows(Event, person).count())
    yield privacy.Holding("events that browsers sent in their name", ("claimed_user_id",), _claims(person).count())
    yield privacy.Holding("log of events", EVENT_FIELDS, in_log)
    yield privacy.Holding("waiting events", EVENT_FIELDS, waiting.count_of(person.subjects))
    yield privacy.Holding("orders", ("user_id", "anonymous_id", "claimed_by", "coupon"), _rows(Order, person).count())
    yield privacy.Holding("rejected events", ("payload",), len(_set_aside(person)))


def _subjects() -> Iterator[tuple[str, datetime]]:
    """Yield the owners of events and orders, recorded or in the log, and whom browsers named, with the earliest time.

    Rejected events are left out: they are found by an id alone, and go after days.
    """
    events = Event.objects.values_list("user_id", "anonymous_id", "claimed_user_id").annotate(earliest=Min("at"))
    orders = Order.objects.values_list("user_id", "anonymous_id").annotate(earliest=Min("placed_at"))
    for user_id, anonymous_id, claimed_user_id, at in events.order_by().iterator():
        yield from ((raw_id, at) for raw_id in _owners(user_id, anonymous_id, claimed_user_id))
    for user_id, anonymous_id, at in orders.order_by().iterator():
        yield from ((raw_id, at) for raw_id in _owners(user_id, anonymous_id))
    log = get_log()
    for shard in range(log.shards):
        after = 0
        while rows := log.read(shard, after):
            after = rows[-1][0]
            for fields in (_fields_of(entry) for _, entry in rows if entry.kind == "event"):
                at = from_microseconds(fields.get("at", 0))
                ids = (fields.get("user_id"), fields.get("anonymous_id"), fields.get("claimed_user_id"))
                yield from ((raw_id, at) for raw_id in _owners(*ids))


def _owners(user_id: str | None, anonymous_id: str | None, claimed_user_id: str | None = None) -> list[str]:
    """Return the raw id of whom an event or order belongs to, and that of a user whom a browser named."""
    owners = raw_ids(user_id, anonymous_id)[:1]
    return [*owners, f"user:{claimed_user_id}"] if claimed_user_id else owners


def _rectify(person: privacy.Person, attributes: Mapping[str, Any]) -> None:
    """Write the attributes as an event of the person, from which customers and profiles take them."""
    kind, _, value = person.subjects[0].partition(":")
    owner = {"userId": value} if kind == "user" else {"anonymousId": value}
    collect_server_items([{"type": "identify", **owner, "traits": dict(attributes)}], is_ours=True)


def _export(person: privacy.Person) -> dict[str, Iterator[dict[str, Any]]]:
    events = _rows(Event, person).order_by("at").values("at", "name", "kind", "properties", "traits", "context")
    orders = _rows(Order, person).order_by("placed_at").values("order_id", "placed_at", "status", "revenue", "currency")
    return {
        "events": _opened(events.iterator()),
        "orders": (dict(row) for row in orders.iterator()),
    }


def _opened(rows: Iterable[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield rows of events with the names and contact data that their traits hold."""
    row_iterator = iter(rows)
    while batch := list(islice(row_iterator, OPENED_AT_ONCE)):
        for row, traits in zip(batch, opened_all([one["traits"] for one in batch]), strict=True):
            yield {**row, "traits": traits}


def _rows(model: Any, person: privacy.Person) -> QuerySet[Any]:
    users, visitors = _ids(person, "user:"), _ids(person, "anonymous:")
    # Another account's event on a shared device belongs to that account.
    condition = Q(user_id__in=users) | Q(user_id=None, anonymous_id__in=visitors)
    for raw_id, spans in person.shared.items():
        for since, until in spans:
            condition |= Q(user_id=None, anonymous_id=raw_id.partition(":")[2]) & within(since, until, at=TIMES[model])
    return QuerySet(model).filter(condition)


def _claims(person: privacy.Person) -> QuerySet[Event]:
    """Return what browsers sent in the person's name without proof: it goes with the person, and is nobody's to see."""
    return Event.objects.filter(claimed_user_id__in=_ids(person, "user:"))


def _set_aside(person: privacy.Person) -> list[int]:
    """Return the ids of rejected events that name the person."""
    ids = {subject.partition(":")[2] for subject in person.subjects}
    condition = Q(pk__in=[])
    for one in ids:
        condition |= Q(payload__contains=_as_json(one))
    return [item.pk for item in SetAside.objects.filter(condition) if _names(item.payload, ids)]


def _names(payload: str, ids: set[str]) -> bool:
    """Return whether a rejected event names one of the ids. Ids are read as the API reads them; broken JSON is
    searched.
    """
    try:
        fields = orjson.loads(payload)
    except orjson.JSONDecodeError:
        fields = None
    if isinstance(fields, dict):
        return any(text(fields.get(name)) in ids for name in ID_FIELDS)
    return any(re.search(rf"(?<!\w){re.escape(_as_json(one))}(?!\w)", payload) for one in ids)


def _as_json(one: str) -> str:
    """Return an id as JSON writes it, without quotes: payloads may hold it as a number or with blanks around it."""
    return orjson.dumps(one).decode()[1:-1]


def _in_log(log: Log, person: privacy.Person) -> Iterator[tuple[int, list[int]]]:
    """Yield each shard with the offsets of the person's events in the log."""
    subjects = set(person.subjects)
    for shard in range(log.shards):
        after, offsets = 0, []
        while rows := log.read(shard, after):
            offsets += [offset for offset, entry in rows if _is_about(entry, subjects, person.shared)]
            after = rows[-1][0]
        yield shard, offsets


def _fields_of(entry: Entry) -> dict[str, Any]:
    """Return the fields of an entry; none where it cannot be read."""
    try:
        return dict(orjson.loads(entry.body))
    except (orjson.JSONDecodeError, TypeError, ValueError):
        return {}


def _is_about(entry: Entry, subjects: set[str], shared: Mapping[str, Iterable[privacy.Span]]) -> bool:
    fields = _fields_of(entry)
    if entry.kind == "set_aside":
        ids = {subject.partition(":")[2] for subject in subjects}
        payload = fields.get("payload", "")
        payload_text = payload if isinstance(payload, str) else orjson.dumps(payload).decode()
        return any(_as_json(one) in payload_text for one in ids) and _names(payload_text, ids)
    raw_id = raw_id_of(fields.get("user_id"), fields.get("anonymous_id"))
    if raw_id in subjects or f"user:{fields.get('claimed_user_id')}" in subjects:
        return True
    at = fields.get("at", 0)
    return any((since or 0) <= at and (until is None or at < until) for since, until in shared.get(raw_id, ()))


def _ids(person: privacy.Person, prefix: str) -> list[str]:
    return [subject.removeprefix(prefix) for subject in person.subjects if subject.startswith(prefix)]

"""Records one batch: from the log into PostgreSQL, exactly once.

Offsets, message ids, events, rejected events, counts, orders, customers and consents are written in one transaction. A
crash in between leaves nothing written, and a second reader of the same entries finds the offset moved.
"""

import logging
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from hashlib import blake2b
from io import StringIO
from typing import Any, Final

from django.db import DatabaseError, DataError, IntegrityError, connection, transaction
from django.db.models import F

from common.clock import from_microseconds
from consents.services import record_decisions
from customers import services as customers
from customers.identity import Link
from customers.personal_seals import sealed_by_subject
from customers.shop_ids import keep_ids
from events.links import SEEN_WITH, links_of
from events.log.base import Batch
from events.models import Offset, SetAside
from events.services import copy_text, orders
from events.services.decoding import Decoded, Position, Row, SetAsideItem, decode, positions_of, rejected_item
from events.stream.tail import tail
from events.types.base import raw_id_of
from events.types.orders import order_of

CONSUMER: Final = "recorder"
MAX_KNOWN_CUSTOMERS: Final = 200_000
log = logging.getLogger(__name__)

_CLAIM = """
WITH fresh AS (
    INSERT INTO events_dedupe (message_hash, seen_on)
    SELECT hash, current_date FROM unnest(%s::uuid[]) AS hash ON CONFLICT DO NOTHING RETURNING message_hash
)
SELECT replace(hash::text, '-', '') FROM unnest(%s::uuid[]) AS hash
WHERE NOT EXISTS (SELECT FROM fresh WHERE message_hash = hash)
"""
_ADVANCE = "UPDATE events_offset SET log_offset = %s WHERE consumer = %s AND shard = %s AND log_offset = %s"
_COUNT = """
INSERT INTO events_count AS known (day, name, reason, n) VALUES (%s, %s, %s, %s)
ON CONFLICT (day, name, reason) DO UPDATE SET n = known.n + excluded.n
"""


class Superseded(Exception):
    """Another recorder took the shard over and moved its offset: read the offsets again."""


def offsets(shards: Iterable[int]) -> dict[int, int]:
    """Return the recorded offset of each shard."""
    shard_list = sorted(shards)
    Offset.objects.bulk_create([Offset(consumer=CONSUMER, shard=shard) for shard in shard_list], ignore_conflicts=True)
    rows = Offset.objects.filter(consumer=CONSUMER, shard__in=shard_list)
    return dict(rows.values_list("shard", "log_offset"))


@dataclass(slots=True)
class Recorder:
    """Records batches. Remembers open months, known customers and links, to query none of them again."""

    open_months: set[str] = field(default_factory=set)
    known_customers: set[str] = field(default_factory=set)
    known_links: dict[tuple[str, str], int] = field(default_factory=dict)

    def record(self, batch: Batch, *, after: Mapping[int, int]) -> dict[int, int]:
        """Record a batch that was read after the offsets `after`; return the new offsets.

        An entry that PostgreSQL or the decoder refuses is isolated by halving the batch and stored as rejected, so it
        never blocks. Raises Superseded, and Django's OperationalError or InterfaceError while the database is down:
        then read the offsets again and continue there.
        """
        return self._record(positions_of(batch), dict(after))

    def _record(self, positions: list[Position], after: dict[int, int]) -> dict[int, int]:
        try:
            return self._write(positions, after)
        except (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, DatabaseError) as error:
            if not is_poison(error):
                raise
            if len(positions) == 1:
                log.warning("event.set_aside shard=%s offset=%s error=%s", *positions[0][:2], error)
                return self._write(positions, after, reason=f"{type(error).__name__}: {error}")
        middle = len(positions) // 2
        return self._record(positions[middle:], self._record(positions[:middle], after))

    def _write(
        self, positions: list[Position], after: Mapping[int, int], *, reason: str | None = None
    ) -> dict[int, int]:
        reached = {**after, **{shard: offset for shard, offset, _ in positions}}
        with transaction.atomic():
            _advance(after, reached)
            if reason is None:
                self._write_decoded(decode(positions))
            else:
                _set_aside([rejected_item(position, reason) for position in positions])
        return reached

    def _write_decoded(self, decoded: Decoded) -> None:
        rows = _claim(decoded.rows)
        _seal_by_subjects(rows)
        transaction.on_commit(partial(tail.note_duplicates, decoded.rows, recorded=rows))
        self._open(copy_text.months(rows))
        _copy(rows)
        _set_aside(decoded.rejected)
        _count(decoded)
        self._follow(rows)

    def _open(self, months: set[str]) -> None:
        for month in sorted(months - self.open_months):
            with connection.cursor() as cursor:
                cursor.execute("SELECT events_ensure_month(%s::timestamptz)", [f"{month} 00:00:00+00"])
                if cursor.fetchone()[0]:
                    transaction.on_commit(partial(self.open_months.add, month))

    def _follow(self, rows: list[Row]) -> None:
        """Write what follows from the new events: customers and their links, orders, consents."""
        relevant = [row.event() for row in rows if _has_consequences(row.fields) or self._joins_anew(row.fields)]
        stated = [
            customers.StatedTraits(event.raw_id, event.at, event.message_id, event.traits, event.proves_contacts)
            for event in relevant
            if event.kind == "identify" and event.traits
        ]
        keep_ids({name: id for row in rows for name, id in row.fields.get("sealed_ids", {}).items()})
        users = {f"user:{user}" for row in rows if (user := row.fields.get("user_id"))}
        self._ensure_customers(users - self.known_customers)
        self._apply_links(link for event in relevant for link in links_of(event))
        customers.apply_traits(stated)
        orders.apply(order for event in relevant if (order := order_of(event)))
        record_decisions(event for event in relevant if event.consents)

    def _joins_anew(self, fields: Mapping[str, Any]) -> bool:
        """Return whether the event names two ids that were not seen together until then, as far as is remembered."""
        if "user_id" not in fields or "anonymous_id" not in fields:
            return False
        known_at = self.known_links.get((fields["anonymous_id"], f"{SEEN_WITH}{fields['user_id']}"))
        return known_at is None or fields["at"] < known_at

    def _apply_links(self, links: Iterable[Link]) -> None:
        """Store the links. Those that all events of two ids make alike are stored once, and again if one is earlier."""
        if len(self.known_links) > MAX_KNOWN_CUSTOMERS:
            self.known_links.clear()
        new = [link for link in links if link.at < self.known_links.get((link.from_id, link.message_id), link.at + 1)]
        customers.apply_links(new)
        first_times = {
            (link.from_id, link.message_id): link.at
            for link in sorted(new, key=lambda link: -link.at)
            if link.message_id.startswith(SEEN_WITH)
        }
        transaction.on_commit(partial(self.known_links.update, first_times))

    def _ensure_customers(self, raw_ids: set[str]) -> None:
        if len(self.known_customers) > MAX_KNOWN_CUSTOMERS:
            self.known_customers.clear()
        customers.ensure_customers(raw_ids)
        transaction.on_commit(partial(self.known_customers.update, raw_ids))


def is_poison(error: Exception) -> bool:
    """Return whether an entry's content causes the error, so that a retry cannot help."""
    if isinstance(error, DataError | IntegrityError) or not isinstance(error, DatabaseError):
        return True
    # Class 54, program limit exceeded: for instance an id too long for its index.
    return str(getattr(error.__cause__, "pgcode", None) or "").startswith("54")


def _advance(after: Mapping[int, int], reached: Mapping[int, int]) -> None:
    # First, so that of two recorders on one shard the second waits here and gives up before any work.
    with connection.cursor() as cursor:
        for shard in sorted(reached):
            if reached[shard] != after[shard]:
                cursor.execute(_ADVANCE, [reached[shard], CONSUMER, shard, after[shard]])
                if cursor.rowcount != 1:
                    raise Superseded(f"shard {shard} is no longer at {after[shard]}")


def message_hash(fields: Mapping[str, Any]) -> str:
    """Return the key of an event's message id, as 32 hexadecimal digits.

    A browser's counts for its own raw id alone: nobody can send the id of somebody else's event first.
    """
    message_id: str = fields["message_id"]
    if fields.get("sender"):
        message_id = f"{raw_id_of(fields.get('user_id'), fields.get('anonymous_id'))}\0{message_id}"
    return blake2b(message_id.encode(), digest_size=16).hexdigest()


def _claim(rows: Iterable[Row]) -> list[Row]:
    """Return the events with a new message id, each once: the first in the log's order."""
    by_hash: dict[str, Row] = {}
    for row in rows:
        by_hash.setdefault(message_hash(row.fields), row)
    if not by_hash:
        return []
    # In one order, so that two recorders that share several ids cannot deadlock.
    hashes = "{" + ",".join(sorted(by_hash)) + "}"
    with connection.cursor() as cursor:
        cursor.execute(_CLAIM, [hashes, hashes])
        for (known_hash,) in cursor.fetchall():
            del by_hash[known_hash]
    return list(by_hash.values())


def _seal_by_subjects(rows: Iterable[Row]) -> None:
    """Put names and contact data in the events' traits under the keys of their subjects."""
    stated = [row.fields for row in rows if row.fields.get("traits")]
    subjects = [raw_id_of(fields.get("user_id"), fields.get("anonymous_id")) for fields in stated]
    sealed = sealed_by_subject([(raw_id, fields["traits"]) for raw_id, fields in zip(subjects, stated, strict=True)])
    for fields, traits in zip(stated, sealed, strict=True):
        fields["traits"] = traits


def _copy(rows: list[Row]) -> None:
    if not rows:
        return
    text = "".join(copy_text.lines(rows))
    # Django wraps errors only of methods it knows, and COPY is not one of them.
    with connection.cursor() as cursor, connection.wrap_database_errors:
        cursor.copy_expert(copy_text.COPY, StringIO(text), 1 << 20)


def _set_aside(items: Iterable[SetAsideItem]) -> None:
    pairs = [(item, _row_aside(item)) for item in items]
    if pairs:
        SetAside.objects.bulk_create([row for _, row in pairs], ignore_conflicts=True)
    warnings: Counter[str] = Counter()
    for item, row in pairs:
        if row.warning is not None:
            warnings[row.warning] += item.times
    for warning in sorted(warnings):
        SetAside.objects.filter(warning=warning).update(times=F("times") + warnings[warning])


def _row_aside(item: SetAsideItem) -> SetAside:
    """Return the row of a rejected event, or of a warning, whose count is added once the day's row exists."""
    day = from_microseconds(item.received_at).date().isoformat()
    return SetAside(
        shard=item.shard,
        log_offset=item.offset,
        message_id=item.message_id,
        reason=item.reason,
        field=item.field,
        payload=item.payload,
        source=item.source,
        received_at=from_microseconds(item.received_at),
        request_context=item.request_context,
        warning=None if item.warning is None else f"{day} {item.warning}",
        times=1 if item.warning is None else 0,
    )


def _count(decoded: Decoded) -> None:
    with connection.cursor() as cursor:
        for key in sorted(decoded.counts):
            cursor.execute(_COUNT, [*key, decoded.counts[key]])


def _has_consequences(fields: Mapping[str, Any]) -> bool:
    kind = fields["kind"]
    return kind in ("identify", "alias") or "consents" in fields or str(fields.get("name")).startswith("Order ")

"""From log entries to the rows that the recorder writes. Pure.

An entry that cannot be decoded becomes a rejected event, never an error.
"""

import logging
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import orjson

from common import clock
from common.strictjson import without_nul
from events.intake.limits import MAX_ITEM
from events.log.base import Batch, Entry
from events.types.base import Event

Position = tuple[int, int, Entry]
"""Shard, offset, entry."""
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Row:
    """One event of the log: the fields of `Event` that are not empty."""

    shard: int
    offset: int
    fields: dict[str, Any]

    def event(self) -> Event:
        """Return the event, without unknown fields. Raises TypeError where required fields are missing."""
        fields = {name: value for name, value in self.fields.items() if name in Event.__struct_fields__}
        return Event(**{"name": "", **fields, "allowed": tuple(fields.get("allowed", ()))})


@dataclass(frozen=True, slots=True)
class SetAsideItem:
    """One rejected event. `received_at` in microseconds since the epoch.

    `warning` names what a warning is about, which was not rejected, and `times` how often the request was so.
    """

    shard: int
    offset: int
    message_id: str | None
    reason: str
    field: str
    payload: str
    source: str
    received_at: int
    request_context: dict[str, Any]
    warning: str | None = None
    times: int = 1


@dataclass(slots=True)
class Decoded:
    """The decoded content of one batch."""

    rows: list[Row] = field(default_factory=list)
    rejected: list[SetAsideItem] = field(default_factory=list)
    counts: Counter[tuple[date, str, str]] = field(default_factory=Counter)


def positions_of(batch: Batch) -> list[Position]:
    """Return the entries in the order of recording."""
    return [(shard, offset, entry) for shard in sorted(batch) for offset, entry in batch[shard]]


def decode(positions: Iterable[Position]) -> Decoded:
    """Return the decoded entries."""
    decoded = Decoded()
    for position in positions:
        try:
            _decode_one(decoded, position)
        except (ValueError, TypeError, LookupError, AttributeError) as error:
            decoded.rejected.append(rejected_item(position, f"not readable: {error}"))
    return decoded


def readable(rows: Iterable[Row]) -> Iterator[Event]:
    """Yield the events of the rows. Unreadable rows are skipped and logged; the recorder stores them as rejected."""
    for row in rows:
        try:
            yield row.event()
        except (ValueError, TypeError) as error:
            log.warning("event.unreadable shard=%s offset=%s error=%s", row.shard, row.offset, error)


def _decode_one(decoded: Decoded, position: Position) -> None:
    shard, offset, entry = position
    fields = orjson.loads(entry.body)
    if b"\\u0000" in entry.body:
        # PostgreSQL's text and jsonb cannot hold NUL.
        fields = without_nul(fields)
    if entry.kind == "event":
        if not isinstance(fields["message_id"], str) or not isinstance(fields["at"], int):
            raise TypeError("an event needs a message_id and a time")
        decoded.rows.append(Row(shard, offset, fields))
    elif entry.kind == "counted":
        decoded.counts[date.fromisoformat(fields["day"]), str(fields["name"]), str(fields["reason"])] += 1
    else:
        decoded.rejected.append(_as_rejected(shard, offset, fields))


def _as_rejected(shard: int, offset: int, fields: dict[str, Any]) -> SetAsideItem:
    payload = fields.get("payload", "")
    text = payload if isinstance(payload, str) else orjson.dumps(payload).decode()
    return SetAsideItem(
        shard=shard,
        offset=offset,
        message_id=fields.get("message_id") and str(fields["message_id"]),
        reason=str(fields["reason"]),
        field=str(fields.get("field") or ""),
        payload=text[:MAX_ITEM],
        source=str(fields.get("source") or ""),
        received_at=int(fields.get("received_at") or clock.epoch_us()),
        request_context=dict(fields.get("carried") or {}),
        warning=fields.get("warning") and str(fields["warning"]),
        times=int(fields.get("times") or 1),
    )


def rejected_item(position: Position, reason: str) -> SetAsideItem:
    """Return an entry that could not be recorded as a rejected event, uncut so that it can be sent again."""
    shard, offset, entry = position
    return SetAsideItem(
        shard=shard,
        offset=offset,
        message_id=None,
        reason=reason.replace("\x00", "\N{REPLACEMENT CHARACTER}")[:1000],
        field="",
        payload=entry.body.decode(errors="replace").replace("\x00", "\N{REPLACEMENT CHARACTER}"),
        source="recorder",
        received_at=clock.epoch_us(),
        request_context={},
    )

"""The buffer of this process: it counts and samples what came in, and a thread writes it a quarter of a second later.

A request only counts, and builds a line where one is to be shown. A killed process loses its buffer.
"""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

import orjson
from django.conf import settings

from common import redis
from common.background import BackgroundLoop
from events.log.base import Entry
from events.services.decoding import Row
from events.stream import minutes, refusals, ring
from events.stream.line import Line, Verdict
from events.stream.refusals import Refusal
from events.stream.sampling import Allowance
from events.types.base import Event, raw_id_of
from events.types.registry import countable_name

FLUSH_SECONDS: Final = 0.25
MOST_LINES: Final = 500
"""Lines in the buffer while Redis does not answer."""
MOST_REFUSALS: Final = 200
LINES: Final = "lines"
LINES_SHOWN: Final = "lines_shown"
"""Names of a minute's counts: what came in, and what of it became a line."""
RECORDED_BEFORE: Final = "its message id was recorded before: it counts once"


class Tail:
    """Counts and lines that are not written yet."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()
        self._refusals: Counter[Refusal] = Counter()
        self._lines: list[Line] = []
        self._allowance = Allowance()
        self._loop = BackgroundLoop("vitrine-stream", self.flush, seconds=FLUSH_SECONDS)

    def note_events(self, events: Sequence[tuple[Event, Entry | None]]) -> None:
        """Note events with their log entries; None: it waits for a decision."""
        waits: Verdict = "waiting" if settings.CONSENT_WAIT_SECONDS else "discarded"
        with self._lock:
            for event, entry in events:
                verdict: Verdict = waits if entry is None else "kept" if entry.kind == "event" else "discarded"
                if self._takes(verdict, event.source, event.name):
                    self._lines.append(_line(verdict, event, entry))
        self._loop.wake()

    def note_rejected(self, entries: Iterable[Entry], *, source: str) -> None:
        """Note rejected items by their log entries."""
        self._note_entries("rejected", entries, _rejected, source=source)

    def note_decisions(self, entries: Iterable[Entry], *, source: str = "") -> None:
        """Note shoppers' decisions on consent by their log entries."""
        self._note_entries("consent", entries, _decision, source=source)

    def note_duplicates(self, rows: Sequence[Row], *, recorded: Sequence[Row]) -> None:
        """Note the rows of the log that the recorder left out, because it had recorded their message ids."""
        if len(rows) == len(recorded):
            return
        new = set(map(id, recorded))
        with self._lock:
            for fields in (row.fields for row in rows if id(row) not in new):
                if self._takes("duplicate", fields.get("source", ""), fields.get("name", "")):
                    self._lines.append(_duplicate(fields))
        self._loop.wake()

    def note_refusal(self, refusal: Refusal, *, method: str) -> None:
        """Note a refused request."""
        with self._lock:
            if refusal in self._refusals or len(self._refusals) < MOST_REFUSALS:
                self._refusals[refusal] += 1
            if self._takes("refused", refusal.source, refusal.route):
                self._lines.append(
                    Line(
                        at=_now(),
                        verdict="refused",
                        name=f"{method} {refusal.route}",
                        source=refusal.source,
                        reason=refusal.problem,
                        status=refusal.status,
                        route=refusal.route,
                        origin=refusal.origin,
                    )
                )
        self._loop.wake()

    def flush(self) -> None:
        """Write the buffer. Raises redis errors; then counts and lines of this turn are lost."""
        with self._lock:
            counts, self._counts = self._counts, Counter()
            groups, self._refusals = self._refusals, Counter()
            lines, self._lines = self._lines, []
            self._allowance.refill(time.monotonic())
        if not counts:
            return
        pipe = redis.client().pipeline(transaction=False)
        minutes.queue_add(pipe, {**counts, LINES_SHOWN: len(lines), LINES: sum(counts.values())})
        ring.queue_append(pipe, lines)
        pipe.execute()
        if groups:
            refusals.add(groups)

    def forget(self) -> None:
        """Empty the buffer without writing."""
        with self._lock:
            self._counts, self._refusals, self._lines = Counter(), Counter(), []
            self._allowance = Allowance()

    def _note_entries(
        self, verdict: Verdict, entries: Iterable[Entry], line_of: Callable[[bytes], Line], *, source: str
    ) -> None:
        with self._lock:
            for entry in entries:
                if self._takes(verdict, source, ""):
                    self._lines.append(line_of(entry.body))
        self._loop.wake()

    def _takes(self, verdict: Verdict, source: str, name: str) -> bool:
        self._counts[f"event:{verdict}"] += 1
        return len(self._lines) < MOST_LINES and self._allowance.take(source, name, verdict)


tail = Tail()
"""The buffer of this process."""


def _now() -> int:
    return time.time_ns() // 1_000_000


def _line(verdict: Verdict, event: Event, entry: Entry | None) -> Line:
    """Return the line of an event. Only a kept one has ids and payload: the others' shopper may say no."""
    if entry is None:
        return Line(_now(), verdict, countable_name(event), source=event.source, reason="no decision came yet")
    fields = orjson.loads(entry.body)
    if verdict == "discarded":
        return Line(_now(), verdict, fields["name"], source=event.source, reason=fields["reason"])
    return Line(
        _now(),
        verdict,
        event.name or event.kind,
        source=event.source,
        subjects=_subjects(event.user_id, event.anonymous_id, event.previous_id, event.claimed_user_id),
        reason=_choices(fields.get("consents", {})),
        payload=entry.body.decode(),
        message_id=event.message_id,
    )


def _rejected(body: bytes) -> Line:
    fields = orjson.loads(body)
    reason, where = fields["reason"], fields.get("field", "")
    return Line(
        _now(),
        "rejected",
        _name_in(fields.get("payload", "")),
        source=fields.get("source", ""),
        reason=f"{where}: {reason}" if where else reason,
        payload=fields.get("payload", ""),
        message_id=fields.get("message_id") or "",
    )


def _name_in(payload: str) -> str:
    """Return the name that a rejected item gives itself."""
    try:
        item = orjson.loads(payload)
    except orjson.JSONDecodeError:
        return "not readable"
    name = (item.get("event") or item.get("type")) if isinstance(item, dict) else None
    return name if isinstance(name, str) else "no name"


def _decision(body: bytes) -> Line:
    fields = orjson.loads(body)
    return Line(
        _now(),
        "consent",
        fields.get("name", ""),
        source=fields.get("source", ""),
        subjects=_subjects(fields.get("user_id"), fields.get("anonymous_id")),
        reason=_choices(fields.get("consents", {})),
        payload=body.decode(),
        message_id=fields.get("message_id", ""),
    )


def _choices(consents: Mapping[str, bool]) -> str:
    return ", ".join(f"{'yes' if choice else 'no'} to {purpose}" for purpose, choice in consents.items())


def _duplicate(fields: Mapping[str, Any]) -> Line:
    return Line(
        _now(),
        "duplicate",
        fields.get("name") or fields.get("kind", ""),
        source=fields.get("source", ""),
        subjects=_subjects(fields.get("user_id"), fields.get("anonymous_id"), None, fields.get("claimed_user_id")),
        reason=RECORDED_BEFORE,
        message_id=fields.get("message_id", ""),
    )


def _subjects(
    user_id: str | None, anonymous_id: str | None, previous_id: str | None = None, claimed_id: str | None = None
) -> tuple[str, ...]:
    """Return the raw ids, the one that the event belongs to first."""
    owner = (raw_id_of(user_id, anonymous_id),) if user_id or anonymous_id else ()
    devices = (f"anonymous:{one}" for one in (anonymous_id, previous_id) if one)
    users = (f"user:{one}" for one in (previous_id, claimed_id) if one)
    return tuple(dict.fromkeys([*owner, *devices, *users]))

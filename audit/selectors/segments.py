"""Reads of a segment of the log for an export: every position as a full event or as a bare hash."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple

from django.db import connection
from django.db.models import Max, Min

from audit.models import AuditCheckpoint, AuditLeaf
from audit.selectors.tree import checkpoint_after, checkpoint_before, newest_checkpoint, times_of
from common import clock

CHUNK: Final = 5_000
EXACT: Final = ("category", "action", "actor", "object", "subject")
"""Fields of an event that a filter may name, besides `since` (from then on) and `until` (before then)."""
CONDITIONS: Final = {
    "since": "event.at >= %(since)s",
    "until": "event.at < %(until)s",
    **{name: f"event.{name} = %({name})s" for name in EXACT},
}
ROWS: Final = """
SELECT leaf.idx, leaf.hash, event.body
FROM audit_leaf leaf LEFT JOIN audit_event event ON event.id = leaf.event_id AND event.at = leaf.at
    AND event.at BETWEEN %(oldest)s AND %(newest)s{conditions}
WHERE leaf.idx >= %(start)s AND leaf.idx < %(end)s
ORDER BY leaf.idx
"""


class SegmentRow(NamedTuple):
    """One position: its hash, and the event's bytes unless the filter leaves it out."""

    idx: int
    hash: bytes
    body: bytes | None


@dataclass(frozen=True, slots=True)
class Segment:
    """The events between two checkpoints; without `before` from the first event on.

    What was published until `read_at` is in it, unless the filter ends before.
    """

    before: AuditCheckpoint | None
    after: AuditCheckpoint
    read_at: datetime

    @property
    def start(self) -> int:
        """The first position."""
        return self.before.size if self.before else 0

    @property
    def end(self) -> int:
        """The position behind the last one."""
        return self.after.size


def segment_of(declared: Mapping[str, str]) -> Segment | None:
    """Return the smallest segment that holds every event of the filter's time; None if there is none."""
    read_at, newest = clock.real_now(), newest_checkpoint()
    if newest is None:
        return None
    leaves = AuditLeaf.objects.filter(idx__lt=newest.size)
    if "since" in declared:
        leaves = leaves.filter(at__gte=declared["since"])
    if "until" in declared:
        leaves = leaves.filter(at__lt=declared["until"])
    first, last = leaves.aggregate(Min("idx"), Max("idx")).values()
    after = None if last is None else checkpoint_after(last)
    return None if after is None else Segment(checkpoint_before(first), after, read_at)


def segment_rows(segment: Segment, declared: Mapping[str, str]) -> Iterator[list[SegmentRow]]:
    """Yield all rows of a segment in chunks."""
    conditions = "".join(f" AND {CONDITIONS[name]}" for name in declared)
    for start in range(segment.start, segment.end, CHUNK):
        end = min(start + CHUNK, segment.end)
        oldest, newest = times_of(start, end)
        values: dict[str, Any] = {**declared, "start": start, "end": end, "oldest": oldest, "newest": newest}
        with connection.cursor() as cursor:
            cursor.execute(ROWS.format(conditions=conditions), values)
            yield [SegmentRow(idx, bytes(hash), None if body is None else bytes(body)) for idx, hash, body in cursor]

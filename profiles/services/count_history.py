"""The history of the live counts: what serving followed at a moment can be read again.

The counts are no function of recorded events alone: an answer may apply a click ahead of the profiler, and a shopper
may be taken out. So the stream of their changes is copied, compressed, every second; and now and then all counts.
"""

import logging
import time
import zlib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

import orjson
from django.conf import settings
from django.db import IntegrityError, InterfaceError, OperationalError

from common import clock
from events.consumer import close_broken_connection
from events.log.offsets import offset_of, stream_id
from profiles.models import CountHistory
from profiles.selectors.live_counts import AT_ONCE, Entry, all_counts, entries_since

EVERY_SECONDS: Final = 1.0
WHOLE_EVERY: Final = timedelta(hours=6)
"""A replay reads all counts of at most so long ago, and the changes since."""
LEADER: Final = 0
"""The consumer of this shard writes the history."""

log = logging.getLogger(__name__)


@dataclass(slots=True)
class CountKeeper:
    """Copies the stream of changes, a second at a time."""

    _position: int | None = None
    _whole_at: datetime | None = None
    _at: float = field(default=float("-inf"))

    def work(self, shards: Collection[int]) -> None:
        """Copy what is new, if this consumer is the one that writes. While PostgreSQL is away, it waits.

        Raises redis errors.
        """
        if LEADER not in shards or not settings.REPLAY_DAYS or time.monotonic() - self._at < EVERY_SECONDS:
            return
        self._at = time.monotonic()
        try:
            self.copy()
        except IntegrityError:  # another consumer, which had the shard before or has it now, was quicker
            self._position = None
        except (OperationalError, InterfaceError) as error:
            log.warning("counts.not_kept error=%s", error)
            close_broken_connection()

    def copy(self) -> None:
        """Copy what is new."""
        newest = CountHistory.objects.order_by("-position").values_list("position", flat=True).first()
        if newest is None or newest != self._position:
            self._position, self._whole_at = newest, None
        entries = None if newest is None else entries_since(stream_id(newest).encode())
        if entries == []:
            return
        whole_at = self._whole_at or _last_whole()
        if newest is None or entries is None or whole_at is None or clock.now() - whole_at >= WHOLE_EVERY:
            self._copy_all(newest)
            return
        self._whole_at = whole_at
        for start in range(0, len(entries), AT_ONCE):
            self._position = _write(entries[start : start + AT_ONCE], after=self._position or 0)

    def _copy_all(self, newest: int | None) -> None:
        counts = all_counts()
        position = offset_of(counts.position)
        if position == newest or not counts.counts:
            return
        values = {f"{one.kind}:{one.day}:".encode() + one.name: b"%d" % count for one, count in counts.counts}
        self._position = _write([(counts.position, values)], after=0)
        self._whole_at = clock.now()


def _last_whole() -> datetime | None:
    return CountHistory.objects.filter(after=0).order_by("-position").values_list("at", flat=True).first()


def _write(entries: Iterable[Entry], *, after: int) -> int:
    """Store the entries in one row; return the last position."""
    rows = [(offset_of(position), values) for position, values in entries]
    CountHistory.objects.create(position=rows[-1][0], after=after, content=_packed(rows))
    return rows[-1][0]


def _packed(rows: Iterable[tuple[int, Mapping[bytes, bytes]]]) -> bytes:
    """Return [position, name, count, name, count, …] of each row, compressed."""
    lists: list[list[Any]] = [
        [position, *(part for name, count in values.items() for part in (name.decode(), int(count)))]
        for position, values in rows
    ]
    return zlib.compress(orjson.dumps(lists), 6)


def forget_counts(before: datetime) -> int:
    """Delete the history before the time, but for what later rows build on; return the number of rows."""
    base = CountHistory.objects.filter(after=0, at__lt=before).order_by("-position").values_list("position", flat=True)
    first = base.first()
    return 0 if first is None else CountHistory.objects.filter(position__lt=first).delete()[0]

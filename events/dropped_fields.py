"""How often each field was dropped at the door, by day: names and numbers in Redis, never a value."""

import logging
import threading
import time
from collections import Counter
from datetime import datetime, timedelta
from typing import Final

import redis as redis_errors

from common import clock, redis
from events.field_list import Drops

log = logging.getLogger(__name__)

KEY: Final = "events:dropped_fields:{}"
"""A hash by day: `unlisted PATH` or `refused PATH` to the number of events."""
KEPT_DAYS: Final = 8
LONGEST_PATH: Final = 100
MOST_PATHS: Final = 2_000
"""Of further names a process counts none: nobody can fill Redis with invented ones."""
FLUSH_SECONDS: Final = 1.0


class DropCounts:
    """Number of events of a request that lost a field: `unlisted` ones, and those whose purpose was not allowed."""

    __slots__ = ("refused", "unlisted")

    def __init__(self) -> None:
        self.unlisted: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()

    def add(self, drops: Drops) -> None:
        """Count what was dropped from one event."""
        if drops.unlisted:
            self.unlisted.update(drops.unlisted)
        if drops.refused:
            self.refused.update(drops.refused)


class DropCounter:
    """Sums of this process; written once a second with the next request, and at once for a new name."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.forget()

    def forget(self) -> None:
        """Forget what is not written yet, and which names were seen."""
        self._sums: Counter[str] = Counter()
        self._paths: set[str] = set()
        self._written_at = float("-inf")

    def note(self, counts: DropCounts) -> None:
        """Add the counts of a request."""
        if not (counts.unlisted or counts.refused or self._sums):
            return
        with self._lock:
            is_new = self._add("unlisted", counts.unlisted) | self._add("refused", counts.refused)
            is_due = is_new or time.monotonic() - self._written_at >= FLUSH_SECONDS
        if is_due:
            self.flush()

    def flush(self) -> None:
        """Write the sums. Without Redis they are lost: counting fails no request."""
        with self._lock:
            sums, self._sums, self._written_at = self._sums, Counter(), time.monotonic()
        if not sums:
            return
        key = KEY.format(clock.now().date().isoformat())
        pipe = redis.client().pipeline(transaction=False)
        for name, n in sums.items():
            pipe.hincrby(key, name, n)
        pipe.expire(key, KEPT_DAYS * 86_400)
        try:
            pipe.execute()
        except redis_errors.RedisError as error:
            log.warning("dropped_fields.not_counted error=%s", error)

    def _add(self, why: str, counts: Counter[str]) -> bool:
        before = len(self._paths)
        for path, n in counts.items():
            name = f"{why} {path[:LONGEST_PATH]}"
            if name in self._paths or len(self._paths) < MOST_PATHS:
                self._paths.add(name)
                self._sums[name] += n
        return len(self._paths) > before


drop_counter: Final = DropCounter()


def dropped_fields(*, now: datetime) -> dict[str, Counter[str]]:
    """Return the number of events of today and the seven days before by path, under `unlisted` and `refused`.

    Raises redis errors.
    """
    pipe = redis.client().pipeline(transaction=False)
    for days in range(KEPT_DAYS):
        pipe.hgetall(KEY.format((now - timedelta(days=days)).date().isoformat()))
    result: dict[str, Counter[str]] = {"unlisted": Counter(), "refused": Counter()}
    for day in pipe.execute():
        for name, n in day.items():
            why, _, path = (name.decode() if isinstance(name, bytes) else name).partition(" ")
            result[why][path] += int(n)
    return result

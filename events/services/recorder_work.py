"""The recorder as a consumer of the log, and its daily cleanup."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Final

from django.db import connection

from common import clock
from events.log import Batch
from events.services.recorder import CONSUMER, Recorder, offsets

DEDUPE_DAYS: Final = 35
"""A message id is remembered at least 30 days; a later retry counts as new."""


@dataclass(slots=True)
class RecorderWork:
    """Records the log in PostgreSQL."""

    name: str = CONSUMER
    at_once: int = 2000
    recorder: Recorder = field(default_factory=Recorder)
    _tidied_on: date | None = None

    def offsets(self, shards: Iterable[int]) -> dict[int, int]:
        """Return the recorded offset of each shard."""
        return offsets(shards)

    def apply(self, batch: Batch, *, after: Mapping[int, int]) -> dict[int, int]:
        """Record the batch; once a day delete old message ids first."""
        today = clock.now().date()
        if self._tidied_on != today:
            forget_old_message_ids()
            self._tidied_on = today
        return self.recorder.record(batch, after=after)

    def between(self, shards: Collection[int]) -> None:
        """Do nothing: nothing becomes due by time."""


def forget_old_message_ids() -> int:
    """Delete message ids that no client retries any more; return the number deleted."""
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM events_dedupe WHERE seen_on < current_date - %s", [DEDUPE_DAYS])
        return int(cursor.rowcount)

"""Suppression: keyed marks of erased ids, so that no late or repeated event and no backup brings a shopper back.

PostgreSQL, Redis and a file hold a copy each.
"""

import logging
from collections.abc import Iterable, Mapping
from datetime import datetime

from django.conf import settings

from common import clock, redis
from common.clock import from_microseconds, to_microseconds
from common.subject_changes import CONSENT, channel
from consents import cache, marks_file
from consents.models import ErasureMark
from consents.services.repeated_erasure import erase_again
from consents.suppression_mark import mark_of

log = logging.getLogger(__name__)


def suppress(raw_ids: Iterable[str], *, at: datetime | None = None) -> None:
    """Mark the ids as erased at that time, by default now; holds from the next request on. Raises redis errors."""
    erased_at, ids = at or clock.now(), list(raw_ids)
    ErasureMark.objects.bulk_create(
        [ErasureMark(mark=mark_of(raw_id), at=erased_at) for raw_id in ids],
        update_conflicts=True,
        unique_fields=["mark"],
        update_fields=["at"],
    )
    pipe = redis.client().pipeline(transaction=False)
    for raw_id in ids:
        pipe.hset(cache.ERASED, mark_of(raw_id), to_microseconds(erased_at))
        pipe.publish(channel(CONSENT), raw_id)
    pipe.execute()


def keep_in_file(raw_ids: Iterable[str]) -> None:
    """Append the marks of suppressed ids to the file that no backup of the stores takes back. Raises OSError."""
    rows = ErasureMark.objects.filter(mark__in=list(map(mark_of, raw_ids))).values_list("mark", "at")
    marks_file.append({mark: to_microseconds(at) for mark, at in rows})


def repair_marks() -> int:
    """Copy the marks that one of PostgreSQL, Redis and the file lacks, and return how many those were.

    A store that lacks some was lost or restored, perhaps from before an erasure, so the shoppers of these marks are
    erased again. Raises redis errors, OSError where the file cannot be read, and RuntimeError where a store still holds
    something of them.
    """
    client, in_file = redis.client(), marks_file.read()
    if client.hlen(cache.ERASED) == ErasureMark.objects.count() == len(in_file):
        return 0
    rows: dict[bytes, bytes] = client.hgetall(cache.ERASED)  # type: ignore[assignment]
    cached = {mark.decode(): int(at) for mark, at in rows.items()}
    stored = {mark: to_microseconds(at) for mark, at in ErasureMark.objects.values_list("mark", "at")}
    latest = {
        mark: max(copy.get(mark, 0) for copy in (cached, stored, in_file)) for mark in {*cached, *stored, *in_file}
    }
    not_in_file = latest.keys() - in_file.keys()
    was_restored = (latest.keys() - cached.keys()) | (latest.keys() - stored.keys())
    if not_in_file:
        _append({mark: latest[mark] for mark in not_in_file})
    if was_restored:
        for mark in was_restored:
            client.hset(cache.ERASED, mark, latest[mark])
        # PostgreSQL lacks them until all is done, so that after a failure the next call begins anew.
        ErasureMark.objects.filter(mark__in=was_restored).delete()
        suppress(erase_again({mark: latest[mark] for mark in was_restored}))
        rows_again = [ErasureMark(mark=mark, at=from_microseconds(latest[mark])) for mark in was_restored]
        ErasureMark.objects.bulk_create(rows_again, ignore_conflicts=True)
    return len(not_in_file | was_restored)


def _append(erasure_times: Mapping[str, int]) -> None:
    """Append marks to the file; where that fails, the next minute tries again, and the log says so."""
    try:
        marks_file.append(erasure_times)
    except OSError as error:
        log.error("erasure_marks.not_written file=%s error=%s", settings.ERASURE_MARKS_FILE, error)

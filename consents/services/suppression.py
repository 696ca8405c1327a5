"""Suppression: keyed marks of erased ids, in both stores, so that no late or repeated event brings a shopper back."""

from collections.abc import Iterable
from datetime import datetime

from common import clock, redis
from common.clock import from_microseconds, to_microseconds
from common.subject_changes import CONSENT, channel
from consents import cache
from consents.models import ErasureMark
from consents.suppression_mark import mark_of


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


def repair_marks() -> int:
    """Copy the marks that only one of both stores knows, after one was lost or restored; return how many those were.

    Raises redis errors.
    """
    client = redis.client()
    if client.hlen(cache.ERASED) == ErasureMark.objects.count():
        return 0
    stored = {mark: to_microseconds(at) for mark, at in ErasureMark.objects.values_list("mark", "at")}
    rows: dict[bytes, bytes] = client.hgetall(cache.ERASED)  # type: ignore[assignment]
    cached = {mark.decode(): int(at) for mark, at in rows.items()}
    if missing := stored.keys() - cached.keys():
        client.hset(cache.ERASED, mapping={mark: stored[mark] for mark in missing})
    lost = cached.keys() - stored.keys()
    ErasureMark.objects.bulk_create(
        [ErasureMark(mark=mark, at=from_microseconds(cached[mark])) for mark in lost], ignore_conflicts=True
    )
    return len(missing) + len(lost)

"""Forgets profiles to which nothing was added for long."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import islice
from typing import Final

import orjson
from django.conf import settings

from common import clock, redis
from profiles import keys
from profiles.services import forget

AT_ONCE: Final = 500


def delete_old_profiles(now: datetime) -> int:
    """Forget profiles that are over, with their segments and live counts; return their number. Raises redis errors."""
    deleted = 0
    for raw_ids in _old(now):
        forget(raw_ids)
        deleted += len(raw_ids)
    return deleted


def count_old_profiles(now: datetime) -> int:
    """Return how many profiles are over. Raises redis errors."""
    return sum(map(len, _old(now)))


def _old(now: datetime) -> Iterator[list[str]]:
    """Yield the raw ids, in batches, whose latest interaction and attribute are older than `PROFILES_RETENTION_DAYS`.

    An id without either is over too: it holds nothing that a time could be read from.
    """
    before = clock.to_microseconds(now - timedelta(days=settings.PROFILES_RETENTION_DAYS))
    client = redis.client()
    subjects = iter(client.sscan_iter(keys.SUBJECTS, count=2 * AT_ONCE))
    while batch := [raw_id.decode() for raw_id in islice(subjects, AT_ONCE)]:
        pipe = client.pipeline(transaction=False)
        for raw_id in batch:
            for prefix in (keys.BROWSED, keys.LASTING):
                pipe.zrange(f"{prefix}{raw_id}", -1, -1, withscores=True)
            pipe.hvals(f"{keys.ATTRIBUTES}{raw_id}")
        answers = pipe.execute()
        yield [
            raw_id
            for i, raw_id in enumerate(batch)
            if _latest(answers[3 * i] + answers[3 * i + 1], answers[3 * i + 2]) < before
        ]


def _latest(interactions: list[tuple[bytes, float]], attributes: list[bytes]) -> float:
    """Return the latest time, in microseconds; 0 without any."""
    times = [score for _, score in interactions] + [orjson.loads(text)[1] for text in attributes]
    return max(times, default=0)

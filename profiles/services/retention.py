"""Forgets profiles to which nothing happened for long."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import islice
from typing import Final

import orjson
from django.conf import settings

from common import clock, redis
from profiles import keys
from profiles.services import forget, links_key

AT_ONCE: Final = 500
READS: Final = 5
"""Reads of one id."""
Scored = Sequence[tuple[bytes, float]]


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
    """Yield the raw ids, in batches, of whom all that a profile holds is older than `PROFILES_RETENTION_DAYS`.

    That are interactions, attributes, the refusal, and the links to other ids. An id without any is over too.
    """
    before = clock.to_microseconds(now - timedelta(days=settings.PROFILES_RETENTION_DAYS))
    client = redis.client()
    subjects = iter(client.sscan_iter(keys.SUBJECTS, count=2 * AT_ONCE))
    while batch := [raw_id.decode() for raw_id in islice(subjects, AT_ONCE)]:
        pipe = client.pipeline(transaction=False)
        for raw_id in batch:
            for prefix in (keys.BROWSED, keys.LASTING):
                pipe.zrange(f"{prefix}{raw_id}", -1, -1, withscores=True)
            pipe.zrange(links_key(raw_id), 0, -1, withscores=True)
            pipe.hvals(f"{keys.ATTRIBUTES}{raw_id}")
            pipe.get(f"{keys.REFUSED}{raw_id}")
        reads = iter(pipe.execute())
        yield [raw_id for raw_id in batch if _latest(*islice(reads, READS)) < before]


def _latest(
    browsed: Scored, lasting: Scored, links: Scored, attributes: Sequence[bytes], refused_at: bytes | None
) -> float:
    """Return the latest time, in microseconds; 0 without any."""
    times = [score for _, score in (*browsed, *lasting, *links)]
    times += [orjson.loads(text)[1] for text in attributes]
    return max([*times, *([float(refused_at)] if refused_at else [])], default=0)

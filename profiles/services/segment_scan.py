"""Reads every profile once, in batches: for exact counts, for filling segments, for clusters."""

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Final

from common import redis
from profiles import keys
from profiles.selectors import Person, read_people

AT_ONCE: Final = 500
Progress = Callable[[str, float], object]
"""Takes a step in words, and the finished share from 0 to 1."""


def people(progress: Progress, *, step: str) -> Iterator[list[Person]]:
    """Yield all people in batches, each once: under the id that stands for all of theirs. Raises redis errors."""
    client = redis.client()
    total = max(1, int(client.scard(keys.SUBJECTS)))
    subjects, done = iter(client.sscan_iter(keys.SUBJECTS, count=2 * AT_ONCE)), 0
    while batch := [raw_id.decode() for raw_id in islice(subjects, AT_ONCE)]:
        yield [one for raw_id, one in zip(batch, read_people(batch), strict=True) if one.subject == raw_id]
        done += len(batch)
        progress(step, min(1.0, done / total))


def list_subjects() -> int:
    """List the raw ids of an installation whose profiles are older than the list; return the number added."""
    client, added = redis.client(), 0
    if client.exists(keys.SUBJECTS):
        return 0
    names = client.scan_iter(match=f"{keys.STATE}*", count=5000)
    while batch := [name.decode().removeprefix(keys.STATE) for name in islice(names, 5000)]:
        added += int(client.sadd(keys.SUBJECTS, *batch))
    return added

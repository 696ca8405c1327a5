"""Reads every profile once, in batches: for exact counts, for filling segments, for clusters."""

import gc
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import islice
from typing import Any, Final

from common import redis
from events.types.base import Interaction
from profiles import keys
from profiles.segments.rules.necessary import Minimum
from profiles.selectors import Person, read_people
from profiles.selectors.plain_people import PlainReader
from profiles.shopper_states import is_allowed

AT_ONCE: Final = 500
Progress = Callable[[str, float], object]
"""Takes a step in words, and the finished share from 0 to 1."""
ShopperRecord = tuple[Sequence[Interaction], Mapping[str, Any]]
"""History and attributes of one shopper."""


def people(progress: Progress, *, step: str) -> Iterator[list[Person]]:
    """Yield all people in batches, each once: under the id that stands for all of theirs. Raises redis errors."""
    client = redis.client()
    total = max(1, int(client.scard(keys.SUBJECTS)))
    subjects, done = iter(client.sscan_iter(keys.SUBJECTS, count=2 * AT_ONCE)), 0
    while batch := [raw_id.decode() for raw_id in islice(subjects, AT_ONCE)]:
        yield [one for raw_id, one in zip(batch, read_people(batch), strict=True) if one.subject == raw_id]
        done += len(batch)
        progress(step, min(1.0, done / total))


def shoppers(
    progress: Progress, *, step: str, with_attributes: bool, minima: tuple[Minimum, ...] = ()
) -> Iterator[list[ShopperRecord]]:
    """Yield history and attributes of everybody in batches; nothing of those who do not allow personalization, or
    have less than the `minima`.

    While one batch is worked on, the next one is read. Raises redis errors.
    """
    reader = PlainReader(with_attributes=with_attributes, minima=minima)
    client = redis.client()
    total = max(1, int(client.scard(keys.SUBJECTS)))
    subjects, done = iter(client.sscan_iter(keys.SUBJECTS, count=2 * AT_ONCE)), 0
    batches = iter(lambda: [raw_id.decode() for raw_id in islice(subjects, AT_ONCE)], [])
    with without_collection(), ThreadPoolExecutor(1) as ahead:
        pending = ahead.submit(_read_next, reader, batches)
        while (batch := pending.result()) is not None:
            pending = ahead.submit(_read_next, reader, batches)
            size, rows = batch
            yield rows
            done += size
            progress(step, min(1.0, done / total))


@contextmanager
def without_collection() -> Iterator[None]:
    """Pause garbage collection: a scan makes many objects and no cycles (measured: half of its time)."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _read_next(reader: PlainReader, batches: Iterator[list[str]]) -> tuple[int, list[ShopperRecord]] | None:
    """Return the number of raw ids of the next batch and its shoppers; None after the last."""
    batch = next(batches, None)
    if batch is None:
        return None
    plain = reader.read(batch)
    rows: list[ShopperRecord] = [(one.history, one.attributes) for one in plain if one is not None]
    linked = [raw_id for raw_id, one in zip(batch, plain, strict=True) if one is None]
    for raw_id, person in zip(linked, read_people(linked) if linked else (), strict=True):
        if person.subject == raw_id:
            rows.append((person.history, person.attributes) if is_allowed(person) else ((), {}))
    return len(batch), rows


def list_subjects() -> int:
    """List the raw ids of an installation whose profiles are older than the list; return the number added."""
    client, added = redis.client(), 0
    if client.exists(keys.SUBJECTS):
        return 0
    names = client.scan_iter(match=f"{keys.STATE}*", count=5000)
    while batch := [name.decode().removeprefix(keys.STATE) for name in islice(names, 5000)]:
        added += int(client.sadd(keys.SUBJECTS, *batch))
    return added

"""Reads of the live counts: all of them, or what changed since a position in the stream of changes."""

from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from common import clock, redis
from profiles import keys
from profiles.counted_rows import DAYS, ITEM, PAIR, Field, first_day

NOTHING: Final = b"0-0"
"""The position before the first change."""
AT_ONCE: Final = 2_000
Entry = tuple[bytes, Mapping[bytes, bytes]]
"""A position of the stream, and the new values of fields there."""


class CountChanges(NamedTuple):
    """New values of fields; the position behind them."""

    position: bytes
    counts: list[tuple[Field, int]]


def all_counts() -> CountChanges:
    """Return all counts of the counted days. Raises redis errors.

    The position is read first, and what changes meanwhile comes again as a change, with its value. So the counts are
    those of the position that is returned.
    """
    position = newest_position()
    client: Any = redis.client()
    today = first_day(clock.epoch_us()) + DAYS - 1
    counts = [
        (Field(kind, day, name), int(count))
        for day in range(today - DAYS + 1, today + 1)
        for kind in (ITEM, PAIR)
        for name, count in client.hscan_iter(f"{keys.COUNTS}{kind}:{day}", count=AT_ONCE)
    ]
    meanwhile = changes_since(position)
    return CountChanges(position, counts) if meanwhile is None else meanwhile._replace(counts=counts + meanwhile.counts)


def changes_since(position: bytes) -> CountChanges | None:
    """Return the changes behind the position; None if the stream no longer reaches back to it. Raises redis errors."""
    entries = entries_since(position)
    if entries is None:
        return None
    counts = [one for _, values in entries for one in fields_of(values)]
    return CountChanges(entries[-1][0] if entries else position, counts)


def entries_since(position: bytes) -> list[Entry] | None:
    """Return the entries of the stream behind the position, as `changes_since`."""
    client: Any = redis.client()
    batch = client.xrange(keys.COUNT_CHANGES, min=position, count=AT_ONCE)
    if position != NOTHING and (not batch or batch[0][0] != position):
        return None
    entries, start = list[Entry](), position
    while batch:
        entries += [entry for entry in batch if entry[0] != start]
        batch = client.xrange(keys.COUNT_CHANGES, min=b"(" + batch[-1][0], count=AT_ONCE)
    return entries


def newest_position() -> bytes:
    """Return the position of the newest change. Raises redis errors."""
    client: Any = redis.client()
    newest = client.xrevrange(keys.COUNT_CHANGES, count=1)
    position: bytes = newest[0][0] if newest else NOTHING
    return position


def fields_of(values: Mapping[bytes, bytes]) -> Iterator[tuple[Field, int]]:
    """Yield the fields of an entry with their new values."""
    for text, count in values.items():
        kind, day, name = text.split(b":", 2)
        yield Field(kind.decode(), int(day), name), int(count)

"""Reads of the live counts: all of them, or what changed since a position in the stream of changes."""

from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from common import clock, redis
from profiles import keys
from profiles.counted_rows import DAYS, ITEM, PAIR, Field, first_day

NOTHING: Final = b"0-0"
"""The position before the first change."""
AT_ONCE: Final = 2_000


class CountChanges(NamedTuple):
    """New values of fields; the position behind them."""

    position: bytes
    counts: list[tuple[Field, int]]


def all_counts() -> CountChanges:
    """Return all counts of the counted days. Raises redis errors.

    The position is read first: what changes meanwhile comes again as a change, with its value.
    """
    client: Any = redis.client()
    newest = client.xrevrange(keys.COUNT_CHANGES, count=1)
    today = first_day(clock.epoch_us()) + DAYS - 1
    counts = [
        (Field(kind, day, name), int(count))
        for day in range(today - DAYS + 1, today + 1)
        for kind in (ITEM, PAIR)
        for name, count in client.hscan_iter(f"{keys.COUNTS}{kind}:{day}", count=AT_ONCE)
    ]
    return CountChanges(newest[0][0] if newest else NOTHING, counts)


def changes_since(position: bytes) -> CountChanges | None:
    """Return the changes behind the position; None if the stream no longer reaches back to it. Raises redis errors."""
    client: Any = redis.client()
    entries = client.xrange(keys.COUNT_CHANGES, min=position, count=AT_ONCE)
    if position != NOTHING and (not entries or entries[0][0] != position):
        return None
    counts, start = list[tuple[Field, int]](), position
    while entries:
        for name, values in entries:
            if name != start:
                counts.extend(_fields(values))
        position = entries[-1][0]
        entries = client.xrange(keys.COUNT_CHANGES, min=b"(" + position, count=AT_ONCE)
    return CountChanges(position, counts)


def _fields(values: Mapping[bytes, bytes]) -> Iterator[tuple[Field, int]]:
    for text, count in values.items():
        kind, day, name = text.split(b":", 2)
        yield Field(kind.decode(), int(day), name), int(count)

"""Rebuilding all profiles from offset 0: from PostgreSQL what is recorded, from the log the rest.

Not all that is recorded is in the log: it is trimmed, and a Redis that came back from an older file lost its end.

The consent mirror comes first, for Redis may have been lost: until then nobody has refused anything.
"""

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Final

from consents import cache_updates as mirroring
from events.log import Batch, Log
from events.selectors import recorded
from events.services.decoding import decode, positions_of, readable
from events.services.record import offsets
from events.types.base import Event
from events.types.registry import event_type
from profiles import services

AT_ONCE: Final = 1000


def replay(log: Log, *, progress: Callable[[int], object] = lambda count: None) -> int:
    """Rebuild the consent mirror, forget all profiles and apply everything again; return how many events were applied.

    May run beside the live profiler: what both apply is the same.
    """
    for _ in mirroring.rebuild():
        pass
    services.forget_everybody()
    count = 0
    known = offsets(range(log.shards))
    for shard in range(log.shards):
        # In front of the reading: what is appended later the live profiler applies. A log that was lost begins anew.
        last = max(log.last(shard), known[shard])
        happened = events_of(log, shard, known=known[shard], until=last)
        while events := list(islice(happened, AT_ONCE)):
            services.apply_events(events, offsets={})
            mirroring.link(seen_together(events))
            count += len(events)
            progress(len(events))
        services.apply_events([], offsets={shard: last})
    return count


def seen_together(events: Iterable[Event]) -> list[tuple[str, str, int]]:
    """Return which raw ids stood on one event, with the earliest time: a refusal on one holds for the other.

    Events of our own name whom somebody asked for, which joins nobody.
    """
    first: dict[tuple[str, str], int] = {}
    for event in events:
        if event.user_id and event.anonymous_id and not event_type(event.name).server_only:
            pair = (event.raw_id, f"anonymous:{event.anonymous_id}")
            first[pair] = min(event.at, first.get(pair, event.at))
    return [(one, other, at) for (one, other), at in first.items()]


def events_of(log: Log, shard: int, *, known: int, until: int) -> Iterator[Event]:
    """Yield all events of a shard: those recorded up to the offset `known` from PostgreSQL, then the log's."""
    yield from (event for _, event in recorded(shard, after=0, before=known + 1))
    after = known
    while after < until:
        first = log.first(shard)
        if first is None or first > after + 1:
            # Trimmed since `known` was asked for: these are recorded too.
            yield from (event for _, event in recorded(shard, after=after, before=first))
            after = max(after, until if first is None else first - 1)
            continue
        batch: Batch = log.read_many({shard: after}, count=AT_ONCE)
        if log.first(shard) != first:
            # Trimmed meanwhile: what is missing in the batch is in PostgreSQL now.
            continue
        if shard not in batch:
            return
        yield from readable(decode(positions_of(batch)).rows)
        after = batch[shard][-1][0]

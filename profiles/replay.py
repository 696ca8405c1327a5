"""Rebuilding all profiles from offset 0: from PostgreSQL what the log has trimmed, from the log the rest."""

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Final

from events.log import Batch, Log
from events.selectors import recorded
from events.services.decoding import decode, positions_of
from events.types.base import Event
from profiles import services

AT_ONCE: Final = 1000


def replay(log: Log, *, progress: Callable[[int], object] = lambda count: None) -> int:
    """Forget all profiles and apply everything again; return how many events were applied.

    May run beside the live profiler: what both apply is the same.
    """
    services.forget_everybody()
    count = 0
    for shard in range(log.shards):
        # In front of the reading: what is appended later the live profiler applies.
        last = log.last(shard)
        happened = events_of(log, shard, until=last)
        while events := list(islice(happened, AT_ONCE)):
            services.apply_events(events, offsets={})
            count += len(events)
            progress(len(events))
        services.apply_events([], offsets={shard: last})
    return count


def events_of(log: Log, shard: int, *, after: int = 0, until: int) -> Iterator[Event]:
    """Yield all events of a shard behind an offset: the trimmed ones from PostgreSQL, then those the log keeps."""
    while after < until:
        first = log.first(shard)
        if first is None or first > after + 1:
            yield from (event for _, event in recorded(shard, after=after, before=first))
            after = max(after, until if first is None else first - 1)
            continue
        batch: Batch = log.read_many({shard: after}, count=AT_ONCE)
        if log.first(shard) != first:
            # Trimmed meanwhile: what is missing in the batch is in PostgreSQL now.
            continue
        if shard not in batch:
            return
        yield from (row.event() for row in decode(positions_of(batch)).rows)
        after = batch[shard][-1][0]

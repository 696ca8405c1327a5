"""Rebuilds all profiles: recorded events from PostgreSQL, the rest from the log.

The log alone is not enough: it is trimmed, and a Redis restored from an older file lost its end.

Consents come first, because Redis may have lost them: without them nobody would have refused anything.
"""

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Final

from consents import cache_updates as mirroring
from events.log import Batch, Log
from events.selectors import recorded
from events.services.decoding import decode, positions_of, readable
from events.services.recorder import offsets
from events.types.base import Event
from events.types.registry import event_type
from events.types.segment_entered import SEGMENT_ENTERED
from events.types.segment_left import SEGMENT_LEFT
from profiles import services
from profiles.services.segment_fill import begin_rebuild, end_rebuild
from profiles.services.segment_members import restore

AT_ONCE: Final = 1000


def replay(log: Log, *, progress: Callable[[int], object] = lambda count: None) -> int:
    """Rebuild the consents in Redis, delete all profiles and apply everything again; return the number of events.

    May run beside the live profiler, because applying an event twice changes nothing. Segments are determined at the
    end and silently: nobody enters or leaves one because of a rebuild.
    """
    for _ in mirroring.rebuild():
        pass
    begin_rebuild()
    services.forget_everybody()
    count = 0
    recorded_to = offsets(range(log.shards))
    for shard in range(log.shards):
        # Read before the events: the live profiler applies what is appended later. A lost log starts at 0 again.
        last = max(log.last(shard), recorded_to[shard])
        happened = events_of(log, shard, recorded_to=recorded_to[shard], until=last)
        while events := list(islice(happened, AT_ONCE)):
            services.apply_events(events, offsets={}, makes_due=False)
            restore(segment_changes(events))
            begin_rebuild()
            mirroring.link(seen_together(events))
            count += len(events)
            progress(len(events))
        services.apply_events([], offsets={shard: last})
    end_rebuild()
    return count


def segment_changes(events: Iterable[Event]) -> list[tuple[str, str, str, int]]:
    """Return name, subject, segment key and time of each entry into a segment and each exit."""
    names = (SEGMENT_ENTERED.name, SEGMENT_LEFT.name)
    return [
        (event.name, event.raw_id, str(event.properties.get("segment")), event.at)
        for event in events
        if event.name in names and event.source == "server" and (event.user_id or event.anonymous_id)
    ]


def seen_together(events: Iterable[Event]) -> list[tuple[str, str, int]]:
    """Return the pairs of raw ids on one event with the earliest time: a refusal of one holds for the other.

    Events of the server are left out: they name whom a page asked for, which joins nobody.
    """
    first: dict[tuple[str, str], int] = {}
    for event in events:
        if event.user_id and event.anonymous_id and not event_type(event.name).server_only:
            pair = (event.raw_id, f"anonymous:{event.anonymous_id}")
            first[pair] = min(event.at, first.get(pair, event.at))
    return [(one, other, at) for (one, other), at in first.items()]


def events_of(log: Log, shard: int, *, recorded_to: int, until: int) -> Iterator[Event]:
    """Yield all events of a shard: up to the offset `recorded_to` from PostgreSQL, then from the log."""
    yield from (event for _, event in recorded(shard, after=0, before=recorded_to + 1))
    after = recorded_to
    while after < until:
        first = log.first(shard)
        if first is None or first > after + 1:
            # Trimmed since `recorded_to` was read, so these events are recorded too.
            yield from (event for _, event in recorded(shard, after=after, before=first))
            after = max(after, until if first is None else first - 1)
            continue
        batch: Batch = log.read_many({shard: after}, count=AT_ONCE)
        if log.first(shard) != first:
            # Trimmed meanwhile: PostgreSQL now has what the batch lacks.
            continue
        if shard not in batch:
            return
        yield from readable(decode(positions_of(batch)).rows)
        after = batch[shard][-1][0]

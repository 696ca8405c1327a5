"""Events of Ada's, and what the profiler and the log make of them."""

from typing import Any

from common import clock
from events.log import get_log
from events.services.decoding import decode, positions_of, readable
from events.types.base import Event
from profiles import services
from profiles.segmenter import Segmenter
from tests.events.builders import event

SHARDS = range(4)


def view(number: int, *, minutes_ago: float = 0, **fields: Any) -> Event:
    """Return a Product Viewed of Ada's some minutes ago."""
    return event(number, at=clock.epoch_us() - round(minutes_ago * 60e6), **fields)


def happened(*events: Event) -> Segmenter:
    """Apply events as the profiler does, then determine the segments of all shards."""
    services.apply_events(events, offsets={})
    segmenter = Segmenter()
    segmenter.work(SHARDS)
    return segmenter


def segment_events() -> list[tuple[str, str, str]]:
    """Return subject, name and segment of the events about segments in the log, in its order."""
    log = get_log()
    rows = [row for shard in SHARDS for row in readable(decode(positions_of({shard: log.read(shard)})).rows)]
    return [(row.raw_id, row.name, row.properties["segment"]) for row in rows if row.name.startswith("Segment ")]

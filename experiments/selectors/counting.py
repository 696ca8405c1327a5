"""How far recorded events are counted for experiments."""

from datetime import datetime

from common import clock
from events.log.offsets import SEQUENCE_BITS
from events.services.positions import positions, recorded_positions
from experiments.keys import CONSUMER


def counted_until(now: datetime) -> datetime | None:
    """Return the product's time until which all that is recorded is counted: `now` if nothing waits.

    None before anything was counted. What the recorder has not read yet is not known here.
    """
    recorded, counted = recorded_positions(), positions(CONSUMER)
    if recorded and not counted:
        return None
    behind = [counted.get(shard, 0) for shard, offset in recorded.items() if offset > counted.get(shard, 0)]
    if not behind:
        return now
    return min(now, clock.from_microseconds(clock.product_us((min(behind) >> SEQUENCE_BITS) * 1_000)))


def is_behind() -> bool:
    """Return whether something is recorded that is not counted yet."""
    mine = positions(CONSUMER)
    return any(offset > mine.get(shard, 0) for shard, offset in recorded_positions().items())

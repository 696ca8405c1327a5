"""Hourly: how many members each segment has, and how many people went from one to another."""

from typing import Any, Final

from django.db.models import F

from common import clock, redis
from profiles import keys
from profiles.models import SegmentCount, SegmentFlow
from profiles.selectors.segments import active_keys, sizes

DRAINED: Final = f"{keys.FLOWS}:drained"


def count_segments() -> int:
    """Store the sizes of this hour, and add the flows since the last count to today's; return the number of sizes."""
    now = clock.now()
    hour = now.replace(minute=0, second=0, microsecond=0)
    members = sizes(active_keys())
    SegmentCount.objects.bulk_create(
        [SegmentCount(segment_key=key, hour=hour, members=count) for key, count in members.items()],
        update_conflicts=True,
        unique_fields=["segment_key", "hour"],
        update_fields=["members"],
    )
    for flow, people in _drained_flows().items():
        source, _, target = flow.partition(">")
        row, is_new = SegmentFlow.objects.get_or_create(
            day=now.date(), source=source, target=target, defaults={"people": people}
        )
        if not is_new:
            SegmentFlow.objects.filter(pk=row.pk).update(people=F("people") + people)
    redis.client().delete(DRAINED)
    return len(members)


def _drained_flows() -> dict[str, int]:
    """Move the flows aside and return them. What a count that died left aside is returned first."""
    client = redis.client()
    if not client.exists(DRAINED) and client.exists(keys.FLOWS):
        client.rename(keys.FLOWS, DRAINED)
    stored: Any = client.hgetall(DRAINED)
    return {flow.decode(): int(people) for flow, people in stored.items()}

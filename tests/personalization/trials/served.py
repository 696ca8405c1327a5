"""Recorded answers, as the recorder would have written them."""

from datetime import datetime, timedelta
from typing import Any

from common import clock
from common.ids import uuid7
from events.models import Event


def served(n: int, placement: str = "home", *, at: datetime | None = None, first: int = 1, **more: Any) -> None:
    """Record that answers were served at noon of yesterday; each shows P01 at the position `first`."""
    moment = at or clock.now().replace(hour=12) - timedelta(days=1)
    properties = {"placement": placement, "products": [{"product_id": "P01", "position": first}], **more}
    start = Event.objects.count()
    for number in range(start, start + n):
        Event.objects.create(
            id=uuid7(),
            message_id=f"m{number}",
            kind="track",
            name="Recommendation Served",
            at=moment,
            received_at=moment,
            properties=properties,
            shard=0,
            log_offset=number,
        )

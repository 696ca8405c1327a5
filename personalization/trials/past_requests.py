"""Real requests of yesterday, to be answered again."""

from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from django.conf import settings

from common import clock
from events.served_requests import ServedRequest, served_requests
from personalization.serving.asking import Ask, Who
from personalization.serving.snapshot import Snapshot

SECONDS: Final = 8.0
"""How long requests are answered again; the numbers say how many were reached."""


def requests_of_yesterday(placements: tuple[str, ...], *, limit: int) -> tuple[datetime, datetime, list[ServedRequest]]:
    """Return sampled requests of yesterday in the shop's time zone, else of the last 24 hours, with both ends."""
    now = clock.now()
    today = now.astimezone(ZoneInfo(settings.SHOP_TIME_ZONE)).replace(hour=0, minute=0, second=0, microsecond=0)
    yesterday = (today - timedelta(days=1), today)
    times = (yesterday, (now - timedelta(days=1), now))
    for since, before in times:
        rows = served_requests(since=since, before=before, placements=placements, limit=limit)
        if rows:
            return since, before, rows
    return *yesterday, []


def ask_of(request: ServedRequest, snapshot: Snapshot) -> Ask:
    """Return the request as it is asked again, without exploration."""
    who = Who(user_id=request.user_id, anonymous_id=request.anonymous_id)
    return Ask(
        request.placement,
        who=who,
        product_ids=request.product_ids,
        limit=min(100, max(request.size, snapshot.placements[request.placement].size)),
        personalized=who.has_id,
        explores=False,
    )

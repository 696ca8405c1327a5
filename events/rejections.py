"""Reads of rejected events for pages: what a day's had in common."""

import json
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.db.models import Count, Max, Q, Sum

from events.models import SetAside
from events.services.resend import lasting_refusal

MOST_GROUPS: Final = 50
NAME: Final = re.compile(r'"event"\s*:\s*"([^"\\]{1,200})"')
"""The name in a payload that is no whole JSON, such as one that was cut."""


@dataclass(frozen=True, slots=True)
class RejectedGroup:
    """Rejected events with one reason, field and sender. `times` counts all, `unsent` those that may be sent again.

    `again` counts those that were sent again in vain. `is_hopeless`: the latest one is refused however often it is sent
    unchanged.
    """

    reason: str
    field: str
    source: str
    times: int
    unsent: int
    again: int
    is_hopeless: bool
    latest_at: datetime
    is_warning: bool


def name_in(payload: str) -> str:
    """Return the event's name, or its type, from a payload as it came or as the log held it; "" if it has none."""
    try:
        item = json.loads(payload)  # unlike orjson it reads NaN
    except (ValueError, RecursionError):
        item = None
    if not isinstance(item, dict):
        match = NAME.search(payload)
        return match[1] if match else ""
    names = [item.get(field) for field in ("event", "name", "type", "kind")]
    return next((name[:200] for name in names if isinstance(name, str) and name), "")


def rejected_since(moment: datetime) -> list[RejectedGroup]:
    """Return the most frequent groups of the events that were rejected since the moment."""
    rows = list(
        SetAside.objects.filter(received_at__gte=moment)
        .values("reason", "field", "source")
        .annotate(
            number=Sum("times"),
            unsent=Count("pk", filter=Q(replayed_at=None, warning=None)),
            again=Count("pk", filter=Q(warning=None) & ~Q(replay_error="")),
            warnings=Count("warning"),
            latest=Max("pk"),
            latest_at=Max("received_at"),
        )
        .order_by("-number", "reason", "field", "source")[:MOST_GROUPS]
    )
    latest = SetAside.objects.in_bulk([row["latest"] for row in rows])
    return [
        RejectedGroup(
            reason=row["reason"],
            field=row["field"],
            source=row["source"],
            times=row["number"],
            unsent=row["unsent"],
            again=row["again"],
            is_hopeless=bool(lasting_refusal(latest[row["latest"]])),
            latest_at=row["latest_at"],
            is_warning=row["warnings"] > 0,
        )
        for row in rows
    ]


def n_refused_again() -> int:
    """Return the number of rejected events that were sent again and refused once more: they still wait."""
    return SetAside.objects.filter(warning=None).exclude(replay_error="").count()

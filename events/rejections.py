"""Reads of rejected events for pages: what a day's had in common."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.db.models import Count, Max, Q, Sum

from events.models import SetAside

MOST_GROUPS: Final = 50


@dataclass(frozen=True, slots=True)
class RejectedGroup:
    """Rejected events with one reason, field and sender. `times` counts all, `unsent` those that may be sent again."""

    reason: str
    field: str
    source: str
    times: int
    unsent: int
    latest_at: datetime
    is_warning: bool


def rejected_since(moment: datetime) -> list[RejectedGroup]:
    """Return the most frequent groups of the events that were rejected since the moment."""
    rows = (
        SetAside.objects.filter(received_at__gte=moment)
        .values("reason", "field", "source")
        .annotate(
            number=Sum("times"),
            unsent=Count("pk", filter=Q(replayed_at=None, warning=None)),
            warnings=Count("warning"),
            latest_at=Max("received_at"),
        )
        .order_by("-number", "reason", "field", "source")[:MOST_GROUPS]
    )
    return [
        RejectedGroup(
            reason=row["reason"],
            field=row["field"],
            source=row["source"],
            times=row["number"],
            unsent=row["unsent"],
            latest_at=row["latest_at"],
            is_warning=row["warnings"] > 0,
        )
        for row in rows
    ]


def n_refused_again() -> int:
    """Return the number of rejected events that were sent again and refused once more: they still wait."""
    return SetAside.objects.filter(warning=None).exclude(replay_error="").count()

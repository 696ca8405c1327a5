"""Reads of privacy requests: what is due, in words."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.db.models import Min

from common import clock
from consents.models import ErasureMark, Kind, PrivacyRequest, RequestStatus, StoreState

FULFIL: Final = "consents.fulfil_privacyrequest"
"""The permission of those who answer shoppers."""
SOON: Final = timedelta(days=7)
MOST_PRESSING: Final = 10


@dataclass(frozen=True, slots=True)
class PressingRequest:
    """An open request that is due soon, is overdue, or has a failed store."""

    id: Any
    title: str
    time_left: str
    text: str


def pressing_requests() -> list[PressingRequest]:
    """Return the open requests that somebody must look at, the most urgent first."""
    is_open = PrivacyRequest.objects.filter(closed_at=None).defer("receipt").prefetch_related("steps")
    pressing = is_open.filter(due_on__lte=clock.now().date() + SOON) | is_open.filter(steps__state=StoreState.FAILED)
    return [_pressing(row) for row in pressing.distinct()[:MOST_PRESSING]]


def first_erasure_after(at: datetime) -> datetime | None:
    """Return when the first erasure since then was complete: what was read before may hold that shopper.

    A restored database lacks the request, and has its mark again.
    """
    requests = PrivacyRequest.objects.filter(kind=Kind.ERASURE, status=RequestStatus.COMPLETED, closed_at__gt=at)
    again = ErasureMark.objects.filter(at__gt=at)
    times = (requests.aggregate(first=Min("closed_at"))["first"], again.aggregate(first=Min("at"))["first"])
    return min((one for one in times if one is not None), default=None)


def days_left(row: PrivacyRequest) -> tuple[str, bool]:
    """Return how many days are left, in words, and whether the deadline is over."""
    if row.is_closed:
        return "closed", False
    days = (row.due_on - clock.now().date()).days
    if days < 0:
        return f"{-days} day{'' if days == -1 else 's'} overdue", True
    return ("due today" if days == 0 else f"{days} day{'' if days == 1 else 's'} left"), False


def _pressing(row: PrivacyRequest) -> PressingRequest:
    days, _ = days_left(row)
    failed = [step.store for step in row.steps.all() if step.state == StoreState.FAILED]
    text = f"{', '.join(failed)} failed: the request stays open." if failed else f"{row.get_status_display()}."
    kind = str(row.get_kind_display()).partition(":")[0]
    return PressingRequest(row.pk, f"{kind} {row.short_id}", days, text)

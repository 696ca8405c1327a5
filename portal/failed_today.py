"""What failed today, of all rooms in one list: since midnight (UTC), and at any time what is still open."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import redis
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.urls import reverse

from access.schedules import Schedule, has_scheduler_started, schedules
from catalog.selectors import failed_imports
from common import clock
from common.failures import Failure
from events.rejections import RejectedGroup, n_refused_again, rejected_since
from events.stream import refusals
from modelops.selectors.overview import open_alarms, refused_versions
from modelops.selectors.runs import failed_runs
from portal.permissions import WATCH, may
from profiles.selectors.jobs import failed_jobs

MOST_OF_A_KIND: Final = 5
SCHEDULE: Final = "django_celery_beat_periodictask"
ALARM: Final = "modelops_modelalarm"
REJECTED: Final = "events_setaside"
NEVER_STARTED: Final = "The scheduler has never started: nothing runs by itself."


@dataclass(frozen=True, slots=True)
class FailureLine:
    """One line: what failed, why, since when if that is known, and where to look."""

    title: str
    text: str
    since: datetime | None
    link: str


@dataclass(frozen=True, slots=True)
class FailureKind:
    """All failures of one kind; `link` is the list of its page."""

    title: str
    lines: Sequence[FailureLine]
    link: str

    @property
    def first_lines(self) -> Sequence[FailureLine]:
        """The lines that the list shows."""
        return self.lines[:MOST_OF_A_KIND]

    @property
    def n_more(self) -> int:
        """The number of lines that the list leaves out."""
        return len(self.lines) - len(self.first_lines)


def failed_today(user: AbstractBaseUser | AnonymousUser) -> list[FailureKind]:
    """Return every kind of failure that this person may see, the most pressing first, those with none too."""
    return [of_kind() for permission, of_kind in KINDS if may(user, permission)]


def midnight(now: datetime) -> datetime:
    """Return the beginning of the day."""
    return now.replace(hour=0, minute=0, second=0, microsecond=0)


def late_schedules() -> list[FailureLine]:
    """Return the schedules that did not run when they were due; one line if the scheduler never started."""
    if not has_scheduler_started():
        return [FailureLine(NEVER_STARTED, "Start the process “beat”.", None, _list_of(SCHEDULE))]
    return [
        FailureLine(f"“{one.name}” is late", _why_late(one), one.due_at, _page_of(SCHEDULE, one.id))
        for one in schedules(now=clock.real_now())
        if one.is_late
    ]


def failed_jobs_of_workers() -> list[FailureLine]:
    """Return failed imports and segment jobs of today."""
    return [line for of_kind in (IMPORTS, SEGMENT_JOBS) for line in of_kind().lines]


def _alarms() -> FailureKind:
    lines = [FailureLine(one.title, one.message, one.raised_at, _page_of(ALARM, one.id)) for one in open_alarms()]
    return FailureKind("Open alarms", lines, _list_of(ALARM))


def _schedules() -> FailureKind:
    never = [
        FailureLine(f"“{one.name}” has not run yet", f"First due {one.due_at:%Y-%m-%d %H:%M} UTC.", None,
                    _page_of(SCHEDULE, one.id))
        for one in schedules(now=clock.real_now())
        if one.last_run_at is None and one.due_at is not None and not one.is_late
    ]  # fmt: skip
    return FailureKind("Schedules", [*late_schedules(), *never], _list_of(SCHEDULE))


def _why_late(one: Schedule) -> str:
    last = f"last {one.last_run_at:%Y-%m-%d %H:%M} UTC" if one.last_run_at else "never until now"
    return f"It runs {one.times}, {last}. Look whether the process “beat” runs."


def _rejected() -> FailureKind:
    groups = [one for one in rejected_since(midnight(clock.now())) if not one.is_warning]
    lines = [_line_of(group) for group in groups]
    if again := n_refused_again():
        text = f"{again:,} tried, refused again: the sender must send corrected events."
        lines.insert(0, FailureLine("Sent again", text, None, f"{_list_of(REJECTED)}?sent=refused"))
    return FailureKind("Rejected events", lines, f"{_list_of(REJECTED)}?sent=no")


def _line_of(group: RejectedGroup) -> FailureLine:
    title = f"{group.field}: {group.reason}" if group.field else group.reason
    counted = f"{group.times:,} event{'s' * (group.times != 1)} today."
    return FailureLine(title, counted, group.latest_at, reverse("portal:stream") + "#failures")


def _refused_requests() -> FailureKind:
    link = reverse("portal:stream") + "#failures"
    try:
        groups = refusals.of_day(clock.now().date())
    except redis.RedisError:
        return FailureKind("Refused requests", [FailureLine("Redis does not answer", "", None, link)], link)
    lines = [
        FailureLine(f"{one.status or ''} {one.problem}".strip(), f"{n:,} request{'s' * (n != 1)} today.", None, link)
        for one, n in groups
    ]
    return FailureKind("Refused requests", lines, link)


def _of_rows(title: str, failures: Callable[..., Sequence[Failure]], page: str) -> Callable[[], FailureKind]:
    """Return the kind of a room's rows that failed today."""
    return lambda: FailureKind(title, _lines(failures(since=midnight(clock.real_now())), page), _list_of(page))


def _lines(failures: Sequence[Failure], page: str) -> list[FailureLine]:
    return [FailureLine(one.title, one.message, one.since, _page_of(page, one.id)) for one in failures]


def _list_of(page: str) -> str:
    return reverse(f"admin:{page}_changelist")


def _page_of(page: str, row_id: int) -> str:
    return reverse(f"admin:{page}_change", args=[row_id])


IMPORTS: Final = _of_rows("Imports", failed_imports, "catalog_productimport")
SEGMENT_JOBS: Final = _of_rows("Segment jobs", failed_jobs, "profiles_segmentjob")
KINDS: Final[tuple[tuple[str, Callable[[], FailureKind]], ...]] = (
    ("modelops.view_modelalarm", _alarms),
    ("modelops.view_trainingrun", _of_rows("Trainings", failed_runs, "modelops_trainingrun")),
    ("modelops.view_modelversion", _of_rows("Model versions", refused_versions, "modelops_modelversion")),
    ("profiles.view_segmentjob", SEGMENT_JOBS),
    ("catalog.view_productimport", IMPORTS),
    ("django_celery_beat.view_periodictask", _schedules),
    ("events.view_setaside", _rejected),
    (WATCH, _refused_requests),
)
"""Who may see which kind."""

"""Reads of scheduled tasks, in words: what each does, when it ran and runs next, and whether it is late.

The scheduler notes only that it sent a task to a worker, never how the task ended: each task's own page says that.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.conf import settings
from django_celery_beat.models import PeriodicTask

from common import clock

GRACE: Final = timedelta(minutes=10)
"""The scheduler writes the time of a run up to three minutes later."""


@dataclass(frozen=True, slots=True)
class Task:
    """What a task does, and the title and URL name of the page that shows how it ended; "" where none does."""

    does: str
    page: str = ""
    url_name: str = ""


@dataclass(frozen=True, slots=True)
class Schedule:
    """One scheduled task, and the name of its task in code.

    `due_at` is when it is due next or, if it is late, was due; None while it is switched off.
    """

    id: int
    name: str
    code: str
    task: Task
    times: str
    is_enabled: bool
    last_run_at: datetime | None
    due_at: datetime | None
    is_late: bool


IMPORTS: Final = "admin:catalog_productimport_changelist"
TASKS: Final = {
    "modelops.train": Task("trains a new model version", "Training runs", "admin:modelops_trainingrun_changelist"),
    "modelops.watch_drift": Task("measures drift, and raises alarms", "Alarms", "admin:modelops_modelalarm_changelist"),
    "modelops.increment": Task(
        "updates the live version between trainings", "Model versions", "admin:modelops_modelversion_changelist"
    ),
    "profiles.refit_segments": Task(
        "fits the segments by likeness", "Segment jobs", "admin:profiles_segmentjob_changelist"
    ),
    "profiles.count_segments": Task("counts the members of each segment", "Explorer", "portal:segments"),
    "events.count_performance": Task("counts what placements brought", "Performance", "portal:performance"),
    "experiments.apply_policies": Task(
        "applies the policies of experiments", "Experiments", "admin:experiments_experiment_changelist"
    ),
    "experiments.take_looks": Task(
        "stores the results of experiments as they were", "Experiments", "admin:experiments_experiment_changelist"
    ),
    "personalization.forget_old_inputs": Task("deletes old inputs of answers"),
    "audit.verify": Task(
        "compares the audit log with its signed tree", "Audit log", "admin:audit_auditevent_changelist"
    ),
    "audit.resume_exports": Task(
        "continues interrupted exports of the audit log", "Exports", "admin:audit_auditexport_changelist"
    ),
    "consents.tend_requests": Task(
        "continues privacy requests", "Privacy requests", "admin:consents_privacyrequest_changelist"
    ),
    "consents.delete_old_data": Task(
        "deletes personal data that were kept long enough", "Audit log", "admin:audit_auditevent_changelist"
    ),
    "consents.audit_practice": Task(
        "compares promises about personal data with practice", "Practice audit", "portal:practice"
    ),
    "catalog.resume_imports": Task("continues interrupted imports", "Imports", IMPORTS),
}


def schedules(*, now: datetime) -> list[Schedule]:
    """Return the scheduled tasks by name."""
    rows = PeriodicTask.objects.select_related("crontab", "interval").order_by("name")
    return [schedule_of(row, now=now) for row in rows]


def schedule_of(row: Any, *, now: datetime) -> Schedule:
    """Return one scheduled task; one that never ran is due from the last change of its row on."""
    due_at = due_after(row, row.last_run_at or row.date_changed or now) if row.enabled else None
    return Schedule(
        id=row.pk,
        name=row.name,
        code=row.task,
        task=TASKS.get(row.task, Task("")),
        times=in_words(row),
        is_enabled=row.enabled,
        last_run_at=row.last_run_at,
        due_at=due_at,
        is_late=due_at is not None and now > due_at + GRACE,
    )


def has_scheduler_started() -> bool:
    """Return whether the scheduler ever began: it writes a row for each task of the settings."""
    return bool(PeriodicTask.objects.filter(name__in=settings.CELERY_BEAT_SCHEDULE).exists())


def due_after(row: Any, moment: datetime) -> datetime | None:
    """Return the first time after the moment at which the task is due; None for a row without a time."""
    try:
        schedule = row.schedule
    except (ValueError, AttributeError):
        return None
    # Celery says how long that is from now on, and a little later "now" is another one: whole seconds hide it.
    due_at: datetime = clock.real_now() + schedule.remaining_estimate(moment)
    return (due_at + timedelta(seconds=0.5)).replace(microsecond=0)


def in_words(row: Any) -> str:
    """Return when the task runs, such as `daily 03:17 UTC`, `hourly at minute 03` or `every 5 minutes`."""
    if row.interval is not None:
        return str(row.interval)
    if row.crontab is None:
        return "at no time"
    one = row.crontab
    is_each_day = (one.day_of_month, one.month_of_year, one.day_of_week) == ("*", "*", "*")
    if is_each_day and one.minute.isdecimal() and one.hour.isdecimal():
        return f"daily {int(one.hour):02}:{int(one.minute):02} {one.timezone}"
    if is_each_day and one.minute.isdecimal() and one.hour == "*":
        return f"hourly at minute {int(one.minute):02}"
    return str(one.human_readable)

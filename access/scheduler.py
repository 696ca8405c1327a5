"""Celery beat's scheduler, which keeps the time that an operator set in the admin.

The scheduler of django-celery-beat overwrites the admin's times with those of the settings at each start.
"""

from typing import Any

from django_celery_beat.models import PeriodicTask
from django_celery_beat.schedulers import DatabaseScheduler, ModelEntry

TIMES = ("interval", "crontab", "solar", "clocked")


class Entry(ModelEntry):  # type: ignore[misc]  # django_celery_beat has no types
    """One schedule of the settings. Its row's description holds the settings' time of the last write."""

    @classmethod
    def _unpack_fields(cls, schedule: Any, *args: Any, **entry: Any) -> dict[str, Any]:
        return {**super()._unpack_fields(schedule, *args, **entry), "description": f"settings: {schedule!r}"}

    @classmethod
    def from_entry(cls, name: str, app: Any = None, **entry: Any) -> "Entry":
        """Write the schedule into its row; the time only if the settings have changed it."""
        values = cls._unpack_fields(**entry)
        if PeriodicTask.objects.filter(name=name, description=values["description"]).exists():
            values = {field: value for field, value in values.items() if field not in TIMES}
        row, _ = PeriodicTask.objects.update_or_create(name=name, defaults=values)
        return cls(row, app=app)


class Scheduler(DatabaseScheduler):  # type: ignore[misc]
    """Celery beat on the rows of the admin."""

    Entry = Entry

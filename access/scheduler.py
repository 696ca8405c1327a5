"""Celery's clock, which leaves a schedule where an operator moved it.

The scheduler it is made of writes the settings' times over those of the admin at each start.
"""

from typing import Any

from django_celery_beat.models import PeriodicTask
from django_celery_beat.schedulers import DatabaseScheduler, ModelEntry

TIMES = ("interval", "crontab", "solar", "clocked")


class Entry(ModelEntry):  # type: ignore[misc]  # django_celery_beat has no types
    """One schedule of the settings. Its row remembers, as its description, what they said when it was last set."""

    @classmethod
    def _unpack_fields(cls, schedule: Any, *args: Any, **entry: Any) -> dict[str, Any]:
        return {**super()._unpack_fields(schedule, *args, **entry), "description": f"settings: {schedule!r}"}

    @classmethod
    def from_entry(cls, name: str, app: Any = None, **entry: Any) -> "Entry":
        """Write the schedule into its row: the time too only where the settings say another one than before."""
        values = cls._unpack_fields(**entry)
        if PeriodicTask.objects.filter(name=name, description=values["description"]).exists():
            values = {field: value for field, value in values.items() if field not in TIMES}
        row, _ = PeriodicTask.objects.update_or_create(name=name, defaults=values)
        return cls(row, app=app)


class Scheduler(DatabaseScheduler):  # type: ignore[misc]
    """Celery beat on the rows that the admin shows."""

    Entry = Entry

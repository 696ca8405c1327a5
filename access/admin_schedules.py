"""The operator's page for scheduled tasks: time, and on or off. The code decides what runs, with which arguments.

The scheduler's own admin would allow any task with any arguments, and records nothing.
"""

import json
from datetime import datetime
from typing import Any, ClassVar, Final

from celery import current_app
from django import forms
from django.contrib import admin, messages
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django_celery_beat.models import (
    ClockedSchedule,
    CrontabSchedule,
    IntervalSchedule,
    PeriodicTask,
    SolarSchedule,
)
from unfold.admin import ModelAdmin
from unfold.decorators import display

from access.schedules import Schedule, schedule_of
from audit.staff import AuditedAdmin
from common import clock

admin.site.unregister([ClockedSchedule, CrontabSchedule, IntervalSchedule, PeriodicTask, SolarSchedule])

STATE_COLORS: Final = {"late": "danger", "on": "success", "off": "info", "not run yet": "warning"}


class ScheduleForm(forms.ModelForm):  # type: ignore[type-arg]  # not generic when it runs
    """Exactly one time, of the two kinds that this page offers."""

    def clean(self) -> dict[str, Any]:
        """Require one of the two kinds, before the library requires one of four."""
        cleaned = super().clean() or self.cleaned_data
        if bool(cleaned.get("interval")) == bool(cleaned.get("crontab")):
            self._validate_unique = False  # otherwise the library reports the same error again
            raise forms.ValidationError("Choose either an interval or a crontab.")
        return cleaned


class NeverDeleted(AuditedAdmin, ModelAdmin):  # type: ignore[misc]  # unfold has no types
    """Rows that are never deleted: a deleted schedule would delete its tasks."""

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never: a task is switched off instead."""
        return False


@admin.register(PeriodicTask)
class PeriodicTaskAdmin(NeverDeleted):
    """The scheduled tasks of the settings: switch on or off, move to another time, run now."""

    form = ScheduleForm
    list_display = ("name", "does", "state", "times", "due", "last_run", "outcome")
    list_filter = ("enabled",)
    list_select_related = ("interval", "crontab")
    search_fields = ("name",)
    list_before_template = "access/schedules.html"
    view_only = ("name", "does", "state", "times", "due", "last_run", "outcome")
    fields = ("name", "does", "state", "due", "last_run", "outcome", "enabled", "interval", "crontab", "expire_seconds")
    readonly_fields = ("name", "does", "state", "times", "due", "last_run", "outcome", "expire_seconds")
    actions: ClassVar = ["switch_on", "switch_off", "run_now"]
    recorded = ("name", "task", "enabled", "interval", "crontab")

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Show who may only look the schedule in words, without the fields of the form."""
        return self.fields if self.has_change_permission(request, obj) else self.view_only

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Never: the settings define what is scheduled."""
        return False

    @admin.display(description="What it does")
    def does(self, row: Any) -> str:
        """Return what the task does."""
        return self._of(row).task.does or row.task

    @display(description="State", label=STATE_COLORS)  # type: ignore[untyped-decorator]  # unfold has no types
    def state(self, row: Any) -> str:
        """Return whether it is late, switched off, or did not run yet."""
        schedule = self._of(row)
        if not schedule.is_enabled:
            return "off"
        return "late" if schedule.is_late else "on" if schedule.last_run_at else "not run yet"

    @admin.display(description="When")
    def times(self, row: Any) -> str:
        """Return when it runs."""
        return self._of(row).times

    @admin.display(description="Next run")
    def due(self, row: Any) -> str:
        """Return when it runs next, or when a late one was due."""
        schedule = self._of(row)
        return f"{'was due ' * schedule.is_late}{_utc(schedule.due_at)}" if schedule.due_at else "never: it is off"

    @admin.display(description="Last run", ordering="last_run_at")
    def last_run(self, row: Any) -> str:
        """Return when it was sent to a worker last."""
        return _utc(row.last_run_at) if row.last_run_at else "never"

    @admin.display(description="How it ended")
    def outcome(self, row: Any) -> str:
        """Return the page that says how the last run ended: the scheduler notes only when it began."""
        task = self._of(row).task
        if not task.url_name:
            return "only the worker's log says it"
        return format_html('see <a href="{}">{}</a>', reverse(task.url_name), task.page)

    def _of(self, row: Any) -> Schedule:
        return schedule_of(row, now=clock.real_now())

    @admin.action(description="Switch on", permissions=["change"])
    def switch_on(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """Enable the tasks."""
        self._switch(request, queryset, enabled=True)

    @admin.action(description="Switch off", permissions=["change"])
    def switch_off(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """Disable the tasks."""
        self._switch(request, queryset, enabled=False)

    @admin.action(description="Run now", permissions=["change"])
    def run_now(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """Send the tasks to a worker."""
        with transaction.atomic():
            for task in queryset:
                self.put_on_record(request, task, "run")
                current_app.send_task(task.task, args=json.loads(task.args), kwargs=json.loads(task.kwargs))
        messages.success(request, "A worker has them now.")

    @transaction.atomic
    def _switch(self, request: HttpRequest, queryset: QuerySet[Any], *, enabled: bool) -> None:
        for task in queryset.exclude(enabled=enabled):
            task.enabled = enabled
            task.save()  # one by one, because only `save` notifies the scheduler
            self.log_change(request, task, [{"changed": {"fields": ["Enabled"]}}])
        names = ", ".join(task.name for task in queryset.order_by("name"))
        messages.success(request, f"Switched {'on' if enabled else 'off'}: {names}.")


def _utc(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"


@admin.register(CrontabSchedule)
class CrontabAdmin(NeverDeleted):
    """Times of day."""

    list_display = ("__str__", "human_readable")
    fields = recorded = ("minute", "hour", "day_of_month", "month_of_year", "day_of_week", "timezone")


@admin.register(IntervalSchedule)
class IntervalAdmin(NeverDeleted):
    """Spans of time."""

    fields = recorded = ("every", "period")

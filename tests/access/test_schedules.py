"""The operator says when and whether schedules run, on the record; not what they run."""

import re
from datetime import timedelta
from typing import Any
from unittest import mock

import pytest
from celery.schedules import crontab
from django.conf import settings
from django.contrib import admin
from django.test import Client
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask, PeriodicTasks

from access.models import User
from access.scheduler import Entry
from audit import selectors as audit
from common import clock
from tests.staff import person, staff

pytestmark = pytest.mark.django_db
LIST = "/admin/django_celery_beat/periodictask/"


@pytest.fixture
def operator() -> Client:
    """The operator's browser."""
    return staff("ops", "operator")


@pytest.fixture
def night(db: None) -> PeriodicTask:
    """The nightly training."""
    crontab = CrontabSchedule.objects.create(hour="3", minute="17")
    return PeriodicTask.objects.create(name="nightly training", task="modelops.train", crontab=crontab)


def act(client: Client, name: str, *tasks: PeriodicTask) -> None:
    assert client.post(LIST, {"action": name, "_selected_action": [task.pk for task in tasks]}).status_code == 302


def messages_of(night: PeriodicTask) -> list[tuple[str, bool]]:
    """Return what the log has of the task, oldest first, with whether it was switched on then."""
    events = reversed(audit.entries(object=f"periodictask:{night.pk}"))
    return [(event.action, event.data["values"]["enabled"]) for event in events]


def test_switching_off_and_on_is_recorded_and_the_scheduler_hears_of_it(operator: Client, night: PeriodicTask) -> None:
    PeriodicTasks.objects.all().delete()

    act(operator, "switch_off", night)
    act(operator, "switch_off", night)
    assert not PeriodicTask.objects.get().enabled
    act(operator, "switch_on", night)

    assert PeriodicTask.objects.get().enabled
    assert PeriodicTasks.last_change() is not None
    assert messages_of(night) == [("periodictask.changed", False), ("periodictask.changed", True)]


def test_a_schedule_without_a_time_or_with_two_is_told_what_to_choose(operator: Client, night: PeriodicTask) -> None:
    often = IntervalSchedule.objects.create(every=5, period="minutes")
    none = {"enabled": "on", "interval": "", "crontab": ""}

    for chosen in (none, {**none, "interval": often.pk, "crontab": night.crontab.pk}):
        page = operator.post(f"{LIST}{night.pk}/change/", chosen)
        assert page.context["adminform"].form.non_field_errors() == ["Choose either an interval or a crontab."]

    night.refresh_from_db()
    assert night.interval is None


def test_switching_says_what_was_switched(operator: Client, night: PeriodicTask) -> None:
    page = operator.post(LIST, {"action": "switch_off", "_selected_action": [night.pk]}, follow=True)

    assert "Switched off: nightly training." in page.content.decode()


def test_running_at_once_is_recorded(operator: Client, night: PeriodicTask) -> None:
    with mock.patch("access.admin_schedules.current_app.send_task") as send:
        act(operator, "run_now", night)

    send.assert_called_once_with("modelops.train", args=[], kwargs={})
    assert messages_of(night) == [("periodictask.run", True)]


def test_a_change_keeps_task_and_arguments(operator: Client, night: PeriodicTask) -> None:
    later = CrontabSchedule.objects.create(hour="4", minute="17")
    form: dict[str, Any] = {"name": "mine", "task": "events.other", "kwargs": '{"slates": "/tmp/x"}', "args": "[1]"}

    page = operator.get(f"{LIST}{night.pk}/change/")
    answer = operator.post(f"{LIST}{night.pk}/change/", {**form, "crontab": later.pk})

    night.refresh_from_db()
    assert (page.status_code, answer.status_code) == (200, 302)
    assert (night.name, night.task, night.args, night.kwargs) == (
        "nightly training",
        "modelops.train",
        "[]",
        "{}",
    )
    assert (night.crontab, night.enabled) == (later, False)
    assert messages_of(night) == [("periodictask.changed", False)]


def test_no_schedule_is_added_or_deleted(operator: Client, night: PeriodicTask) -> None:
    added = operator.post(f"{LIST}add/", {"name": "x", "task": "modelops.train", "crontab": night.crontab_id})
    deleted = operator.post(f"{LIST}{night.pk}/delete/", {"post": "yes"})
    time = operator.post(f"/admin/django_celery_beat/crontabschedule/{night.crontab_id}/delete/", {"post": "yes"})

    assert (added.status_code, deleted.status_code, time.status_code) == (403, 403, 403)
    assert PeriodicTask.objects.get() == night
    assert messages_of(night) == []


def test_another_time_of_a_schedule_is_recorded(operator: Client, night: PeriodicTask) -> None:
    crontab, url = night.crontab, f"/admin/django_celery_beat/crontabschedule/{night.crontab_id}/change/"
    times = {"minute": "17", "hour": "5", "day_of_month": "*", "month_of_year": "*", "day_of_week": "*"}

    answer = operator.post(url, {**times, "timezone": "UTC"})

    (event,) = audit.entries(object=f"crontabschedule:{crontab.pk}")
    assert answer.status_code == 302
    assert (event.action, event.data["values"]) == ("crontabschedule.changed", {**times, "timezone": "UTC"})


def test_what_has_no_use_is_not_in_the_admin() -> None:
    names = {model.__name__ for model in admin.site._registry if model._meta.app_label == "django_celery_beat"}

    assert names == {PeriodicTask.__name__, CrontabSchedule.__name__, IntervalSchedule.__name__}


def test_who_only_sees_schedules_neither_switches_nor_runs_them(night: PeriodicTask) -> None:
    from django.contrib.auth.models import Permission

    eve = User.objects.create_user("eve", password="correct horse battery", is_staff=True)
    eve.user_permissions.add(Permission.objects.get(codename="view_periodictask"))
    client = Client()
    client.force_login(eve)

    with mock.patch("access.admin_schedules.current_app.send_task") as send:
        for name in ("switch_off", "run_now"):
            client.post(LIST, {"action": name, "_selected_action": [night.pk]})

    assert PeriodicTask.objects.get().enabled
    assert (send.call_count, messages_of(night)) == (0, [])


def begin(hour: int) -> PeriodicTask:
    """Let the scheduler begin with these settings, and return its row."""
    entry = {"task": "modelops.train", "schedule": crontab(hour=hour, minute=17), "options": {"expires": 60}}
    return PeriodicTask.objects.get(pk=Entry.from_entry("nightly training", **entry).model.pk)


def test_a_schedule_stays_where_it_was_moved_until_the_settings_say_another_time(night: PeriodicTask) -> None:
    assert begin(2).crontab.hour == "2"

    PeriodicTask.objects.update(crontab=CrontabSchedule.objects.create(hour="21", minute="5"), enabled=False)
    moved = begin(2)
    assert (moved.crontab.hour, moved.enabled) == ("21", False)

    assert begin(4).crontab.hour == "4"


def test_the_settings_own_schedules_are_understood() -> None:
    for name, entry in settings.CELERY_BEAT_SCHEDULE.items():
        rows = [Entry.from_entry(name, **entry).model for _ in range(2)]

        assert [(row.pk, row.crontab_id, row.interval_id, row.expire_seconds) for row in rows[1:]] == [
            (rows[0].pk, rows[0].crontab_id, rows[0].interval_id, entry["options"]["expire_seconds"])
        ]


def test_the_page_says_in_words_what_runs_when_and_how_it_ended(night: PeriodicTask) -> None:
    reader = Client()
    reader.force_login(person("eve", "view_periodictask"))
    often = IntervalSchedule.objects.create(every=5, period="minutes")
    late = PeriodicTask.objects.create(
        name="increments", task="modelops.increment", interval=often, last_run_at=clock.real_now() - timedelta(hours=1)
    )

    listed = reader.get(LIST).content.decode()
    page = reader.get(f"{LIST}{night.pk}/change/").content.decode()

    for text in (listed, page):
        assert "daily 03:17 UTC" in text
        assert "trains a new model version" in text
        assert '<a href="/admin/modelops/trainingrun/">Training runs</a>' in text
        bad = re.search(r".{40}(celery|crontab|kwargs).{20}", without_addresses(text), re.IGNORECASE | re.DOTALL)
        assert not bad, bad and bad[0]
    assert "was due " in listed
    assert "never" in page, "it has not run"
    assert f"{LIST}{late.pk}/change/" in listed


def test_a_task_without_a_page_says_where_its_end_stands(operator: Client) -> None:
    hourly = CrontabSchedule.objects.create(minute="23")
    PeriodicTask.objects.create(name="old inputs", task="personalization.forget_old_inputs", crontab=hourly)

    text = operator.get(LIST).content.decode()

    assert ("only the worker" in text, "hourly at minute 23" in text) == (True, True)


def without_addresses(page: str) -> str:
    """Return the words of a page: neither tags nor scripts."""
    main = page[page.index('id="main"') :]
    return re.sub(r"<script.*?</script>|<style.*?</style>|<[^>]+>", " ", main, flags=re.DOTALL)

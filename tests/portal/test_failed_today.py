"""The operator's home begins with one list of all that failed, each kind in at least one line."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask

from access.schedules import in_words, schedules
from catalog.models import ProductImport
from common import clock
from events.models import SetAside
from events.stream import refusals
from events.stream.refusals import Refusal
from modelops.models import ModelAlarm, ModelState, ModelVersion, RunState, TrainingRun
from portal.failed_today import MOST_OF_A_KIND, NEVER_STARTED, FailureKind
from profiles.models import SegmentJob
from tests.staff import LogIn, person

pytestmark = pytest.mark.django_db


def kinds_of(client: Client) -> dict[str, FailureKind]:
    """Return the kinds of failures on somebody's home."""
    return {kind.title: kind for kind in client.get("/admin/").context["failures"]}


def a_schedule(name: str, minutes: int, **fields: Any) -> PeriodicTask:
    """Return a task that runs every so many minutes, and ran last at `last_run_at`."""
    often = IntervalSchedule.objects.create(every=minutes, period="minutes")
    return PeriodicTask.objects.create(name=name, task="events.count_performance", interval=often, **fields)


def test_each_kind_without_a_failure_says_none_in_one_line(log_in: LogIn) -> None:
    a_schedule("increments", 5, last_run_at=clock.real_now())

    page = log_in("operator").get("/admin/").content.decode()
    section = page[page.index('id="failed-today"') : page.index('id="decisions"') if 'id="decisions"' in page else None]

    assert list(kinds_of(log_in("operator", "ops"))) == [
        "Open alarms", "Trainings", "Model versions", "Segment jobs", "Imports", "Schedules", "Rejected events",
        "Refused requests",
    ]  # fmt: skip
    assert section.count('<td class="soft">none</td>') == 8


def test_all_that_failed_stands_in_one_list_with_time_and_link(log_in: LogIn) -> None:
    now = clock.real_now()
    alarm = ModelAlarm.objects.create(kind="drift", message="clicks halved", raised_at=now, latest_at=now)
    names = {"directory": "d", "artifact_hash": "0" * 64, "state": ModelState.REFUSED, "gate": {"passed": False}}
    ModelVersion.objects.create(version="v7", refusal="recall fell", **names)
    broken = TrainingRun.objects.create(state=RunState.FAILED, step="blend", message="no data", actor="a")
    dead = TrainingRun.objects.create(state=RunState.RUNNING, step="ranker", actor="a", heartbeat_at=now - timedelta(1))
    SegmentJob.objects.create(kind="fill", state="running", actor="a", heartbeat_at=now - timedelta(hours=1))
    ProductImport.objects.create(state="failed", file_name="a.csv", stored_as="x", size=1, message="full", actor="a")
    SetAside.objects.create(payload="{}", reason="no id", received_at=now, shard=0, log_offset=1)
    refusals.add({Refusal.of(source="key:1", status=401, route="/v1/batch", problem="No such key.", origin=""): 3})
    late = a_schedule("increments", 5, last_run_at=now - timedelta(hours=2))

    page = log_in("operator").get("/admin/")
    kinds = {kind.title: [(line.title, line.text) for line in kind.lines] for kind in page.context["failures"]}
    text = page.content.decode()

    assert [title for title, _ in kinds["Trainings"]] == [
        f"Training {dead.pk} failed at “ranker”",
        f"Training {broken.pk} failed at “blend”",
    ]
    assert kinds["Open alarms"][0][1] == "clicks halved"
    assert kinds["Model versions"] == [("Version v7 was refused", "recall fell")]
    assert kinds["Segment jobs"] == [("“Determine members” failed", "The worker died.")]
    assert kinds["Imports"] == [("The import of a.csv failed", "full")]
    assert [title for title, _ in kinds["Schedules"]] == ["“increments” is late"]
    assert kinds["Rejected events"] == [("no id", "1 event today.")]
    assert kinds["Refused requests"] == [("401 No such key.", "3 requests today.")]
    assert text.index('id="failed-today"') < text.index('id="decisions"'), "on top of the home"
    for link in (
        reverse("admin:modelops_modelalarm_change", args=[alarm.pk]),
        reverse("admin:django_celery_beat_periodictask_change", args=[late.pk]),
    ):
        assert f'href="{link}"' in text


def test_of_one_kind_the_first_lines_are_shown_and_the_others_counted(log_in: LogIn) -> None:
    for number in range(MOST_OF_A_KIND + 2):
        SegmentJob.objects.create(kind="fill", state="failed", message=str(number), actor="a")

    operator = log_in("operator")

    assert kinds_of(operator)["Segment jobs"].n_more == 2
    assert ">And 2 more</a>" in operator.get("/admin/").content.decode()


def test_yesterdays_failures_are_gone_unless_they_are_the_latest(log_in: LogIn) -> None:
    before = clock.real_now() - timedelta(days=3)
    for number in range(2):
        TrainingRun.objects.create(state=RunState.FAILED, step=str(number), actor="a", finished_at=before)
        SegmentJob.objects.create(kind="fill", state="failed", actor="a")
    TrainingRun.objects.update(created_at=before)
    SegmentJob.objects.update(created_at=before)

    kinds = kinds_of(log_in("operator"))

    assert (len(kinds["Trainings"].lines), len(kinds["Segment jobs"].lines)) == (1, 0)


def test_others_see_no_list_and_a_watcher_only_what_their_rights_allow(log_in: LogIn) -> None:
    watcher = Client()
    watcher.force_login(person("dev", "change_setaside"))

    assert list(kinds_of(watcher)) == ["Refused requests"]
    assert log_in("merchandiser").get("/admin/").context["failures"] == []


def test_schedules_are_late_switched_off_or_not_run_yet(log_in: LogIn) -> None:
    now = clock.real_now()
    assert kinds_of(log_in("operator"))["Schedules"].lines[0].title == NEVER_STARTED
    a_schedule("late", 5, last_run_at=now - timedelta(hours=1))
    a_schedule("off", 5, last_run_at=now - timedelta(hours=1), enabled=False)
    a_schedule("increments", 5, last_run_at=now - timedelta(minutes=6))
    night = CrontabSchedule.objects.create(hour="3", minute="17")
    PeriodicTask.objects.create(name="nightly training", task="modelops.train", crontab=night)

    state = {one.name: (one.is_late, one.due_at is None) for one in schedules(now=now)}
    shown = [line.title for line in kinds_of(log_in("operator", "ops"))["Schedules"].lines]

    assert state == {"late": (True, False), "off": (False, True), "increments": (False, False),
                     "nightly training": (False, False)}  # fmt: skip
    assert shown == ["“late” is late", "“nightly training” has not run yet"]


def test_a_nightly_task_that_missed_its_night_is_late(db: None) -> None:
    night = CrontabSchedule.objects.create(hour="3", minute="17")
    row = PeriodicTask.objects.create(name="nightly training", task="modelops.train", crontab=night)
    PeriodicTask.objects.update(date_changed=clock.real_now() - timedelta(days=2))

    (one,) = schedules(now=clock.real_now())

    assert one.is_late
    assert one.due_at is not None
    assert f"{one.due_at:%H:%M}" == "03:17"
    assert (in_words(row), one.times) == ("daily 03:17 UTC", "daily 03:17 UTC")


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"minute": "3", "hour": "*"}, "hourly at minute 03"),
        ({"minute": "17", "hour": "3", "day_of_week": "1"}, "At 03:17 AM, only on Monday UTC"),
    ],
)
def test_times_are_told_in_words(fields: dict[str, str], words: str) -> None:
    row = PeriodicTask(name="x", task="y", crontab=CrontabSchedule(**fields))

    assert in_words(row) == words

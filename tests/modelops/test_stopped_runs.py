"""A stopped training ends at its next step and makes no version."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.core.management import CommandError, call_command
from django.db import OperationalError
from django.test import Client
from django.urls import reverse

from access.services import sync_roles
from audit.selectors import entries
from common import clock
from common.errors import Conflict, NotFound
from modelops.models import ModelVersion, RunState, TrainingRun
from modelops.selectors.runs import SILENCE, message_of, shown_run
from modelops.services import run_progress, training
from modelops.services.run_progress import REGISTERS
from modelops.services.runs import may_be_stopped, queue_training, stop_training
from modelops.services.training import run_training
from modelops.tasks import train
from tests.modelops.test_training import record as record_purchases

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("stocked_shop")]
BY = "staff:7"


def steps(*progress_steps: tuple[str, float], then: Callable[[int], None]) -> Callable[[Any, Any], Any]:
    """Return a training that reports its steps and calls `then` before the last one."""

    def train(progress: Any, slates: Any) -> Any:
        for at, (step, share) in enumerate(progress_steps):
            if at == len(progress_steps) - 1:
                then(progress.run.pk)
            progress.tell(step, share)
        version = ModelVersion.objects.create(version="2026-11-25.1", directory="x", artifact_hash="a" * 64)
        return version, "is live"

    return train


def asked_by_somebody(run_id: int) -> None:
    stop_training(run_id, actor=BY)


def test_run_stops_at_its_next_step(monkeypatch: pytest.MonkeyPatch) -> None:
    progress_steps = (("Fitting nmf", 0.2), ("Fitting svd", 0.3), ("Climbing the ladder", 0.5))
    monkeypatch.setattr(training, "_trained", steps(*progress_steps, then=asked_by_somebody))

    run = run_training(queue_training(actor="staff:1", hand_over=False).pk)

    assert (run.state, run.step, run.progress) == (RunState.STOPPED, "Climbing the ladder", 0.5)
    assert run.message == "It was stopped: no version came of it."
    assert run.finished_at is not None
    assert (shown_run(run.pk).finished, shown_run(run.pk).failed) == (True, False)
    assert ModelVersion.objects.count() == 0
    (entry,) = entries(action="training.stopped")
    assert (entry.actor, entry.object, entry.data["step"]) == (BY, f"training_run:{run.pk}", "Fitting svd")


def test_queued_and_stopping_runs_have_a_message() -> None:
    waits = queue_training(actor="staff:1", hand_over=False)
    now = clock.now()
    works = TrainingRun.objects.create(actor="staff:1", state=RunState.RUNNING, heartbeat_at=now)
    stopping = TrainingRun.objects.create(actor="staff:1", state=RunState.RUNNING, heartbeat_at=now, stop_asked_by=BY)

    assert [message_of(run) for run in (waits, works, stopping)] == [
        "It waits until a worker is free.",
        "",
        "It was asked to stop, and does at its next step, which may take minutes.",
    ]


@pytest.mark.slow
@pytest.mark.usefixtures("few_sources")
def test_stopped_training_leaves_nothing(settings: Any, tmp_path: Path) -> None:
    settings.MODEL_DIR = tmp_path
    record_purchases(120)
    run, steps_seen = queue_training(actor="staff:1", hand_over=False), list[str]()

    def listener(step: str, share: float) -> None:
        steps_seen.append(step)
        if share > 0.3 and "stop" not in steps_seen:
            steps_seen.append("stop")
            stop_training(run.pk, actor=BY)

    run_after = run_training(run.pk, listener=listener)

    assert run_after.state == RunState.STOPPED
    assert len(steps_seen) == steps_seen.index("stop") + 1
    assert ModelVersion.objects.count() == 0
    assert not [one for one in tmp_path.iterdir() if one.is_dir()]


def test_run_cannot_be_stopped_after_registration(monkeypatch: pytest.MonkeyPatch) -> None:
    errors = list[str]()

    def too_late(run_id: int) -> None:
        assert not may_be_stopped(TrainingRun.objects.get(pk=run_id))
        with pytest.raises(Conflict, match="can no longer be stopped") as caught:
            stop_training(run_id, actor=BY)
        errors.append(caught.value.detail)

    progress_steps = (("Registering the version", REGISTERS), ("Judging at the gate", REGISTERS + 0.01))
    monkeypatch.setattr(training, "_trained", steps(*progress_steps, then=too_late))

    run = run_training(queue_training(actor="staff:1", hand_over=False).pk)

    assert (run.state, run.stop_asked_by, len(errors)) == (RunState.DONE, "", 1)
    assert entries(action="training.stopped") == []


def test_stop_right_before_registration_works(monkeypatch: pytest.MonkeyPatch) -> None:
    progress_steps = (("Comparing", 0.95), ("Registering the version", REGISTERS))
    monkeypatch.setattr(training, "_trained", steps(*progress_steps, then=asked_by_somebody))

    assert run_training(queue_training(actor="staff:1", hand_over=False).pk).state == RunState.STOPPED
    assert ModelVersion.objects.count() == 0


def test_lost_database_keeps_the_stop_request(monkeypatch: pytest.MonkeyPatch) -> None:
    """The last check for a stop request is retried until the database answers."""
    monkeypatch.setattr(run_progress, "WAITS", (0.0, 0.0, 0.0))
    lost, whole = list[str](), run_progress.RunProgress._write

    def write(run: Any, **fields: Any) -> None:
        if fields.get("progress") == REGISTERS and not lost:
            lost.append(fields["step"])
            raise OperationalError("server closed the connection unexpectedly")
        whole(run, **fields)

    monkeypatch.setattr(run_progress.RunProgress, "_write", write)
    progress_steps = (("Comparing", 0.95), ("Registering the version", REGISTERS))
    monkeypatch.setattr(training, "_trained", steps(*progress_steps, then=asked_by_somebody))

    assert run_training(queue_training(actor="staff:1", hand_over=False).pk).state == RunState.STOPPED
    assert (lost, ModelVersion.objects.count()) == (["Registering the version"], 0)


def test_stopped_rerun_names_its_earlier_version(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    version = ModelVersion.objects.create(version="2026-11-24.1", directory="x", artifact_hash="a" * 64)
    run = queue_training(actor="staff:1", hand_over=False)
    long_ago = clock.now() - 2 * SILENCE
    TrainingRun.objects.filter(pk=run.pk).update(
        state=RunState.RUNNING, heartbeat_at=long_ago, progress=0.97, model_version=version
    )
    monkeypatch.setattr(training, "_trained", steps(("Fitting nmf", 0.2), then=asked_by_somebody))

    message = "It was stopped. 2026-11-24.1 was registered, but never judged, and cannot go live: start another one."
    assert run_training(run.pk).message == message


def test_stopped_queued_run_never_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "_trained", lambda progress, slates: pytest.fail("it was stopped"))
    run = queue_training(actor="staff:1", hand_over=False)

    run_after = stop_training(run.pk, actor=BY)
    train(run.pk)

    run.refresh_from_db()
    assert (run_after.state, run.state, run.started_at) == (RunState.STOPPED, RunState.STOPPED, None)


def test_ended_dead_or_unknown_run_cannot_be_stopped() -> None:
    over = TrainingRun.objects.create(actor="staff:1", state=RunState.DONE, progress=1.0)
    dead = TrainingRun.objects.create(actor="staff:1", state=RunState.RUNNING, heartbeat_at=clock.now() - 2 * SILENCE)

    for run in (over, dead):
        with pytest.raises(Conflict, match="is over"):
            stop_training(run.pk, actor=BY)
    with pytest.raises(NotFound):
        stop_training(dead.pk + 1, actor=BY)

    dead.refresh_from_db()
    assert dead.state == RunState.FAILED
    assert entries(action="training.stopped") == []


def test_second_stop_request_is_not_audited() -> None:
    run = TrainingRun.objects.create(actor="staff:1", state=RunState.RUNNING, heartbeat_at=clock.now(), progress=0.4)

    first, second = stop_training(run.pk, actor=BY), stop_training(run.pk, actor="staff:8")

    assert (first.stop_asked_by, second.stop_asked_by) == (BY, BY)
    assert len(entries(action="training.stopped")) == 1


def test_command_reports_the_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "_trained", steps(("Fitting nmf", 0.2), then=asked_by_somebody))

    with pytest.raises(CommandError, match="It was stopped"):
        call_command("train")


@pytest.mark.parametrize(("role", "may"), [("data scientist", True), ("operator", False), ("merchandiser", False)])
def test_stop_needs_the_permission_to_start(role: str, may: bool) -> None:
    sync_roles(actor="system:test")
    user = get_user_model().objects.create_user(username=role, password="x", is_staff=True)
    user.groups.add(Group.objects.get(name=role))
    client = Client()
    client.force_login(user)
    run = TrainingRun.objects.create(actor="staff:1", state=RunState.RUNNING, heartbeat_at=clock.now(), progress=0.4)
    page = reverse("admin:modelops_trainingrun_change", args=[run.pk])
    door = reverse("admin:modelops_trainingrun_stop_page", args=[run.pk])

    has_button = door in client.get(page).content.decode()
    confirmation = client.get(door)
    assert ('type="submit">Stop<' in confirmation.content.decode()) is may
    run.refresh_from_db()
    assert run.stop_asked_by == ""
    response = client.post(door)

    run.refresh_from_db()
    assert has_button is may
    assert (confirmation.status_code, response.status_code) == ((200, 302) if may else (403, 403))
    assert run.stop_asked_by == (f"staff:{user.pk}" if may else "")
    if may:
        after = client.get(page).content.decode()
        assert (door in after, "stops at its next step" in after) == (False, True)
        again = client.get(door).content.decode()
        assert ('type="submit">Stop<' in again, "This run cannot be stopped" in again) == (False, True)

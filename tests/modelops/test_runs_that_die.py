"""A run whose process died is closed, and said to have died; one that a living process is at is not begun twice."""

import errno
import time
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import InterfaceError, OperationalError

from common import clock
from modelops.models import (
    ModelState,
    ModelVersion,
    RunState,
    TrainingRun,
)
from modelops.selectors.runs import SILENCE, message_of
from modelops.services import (
    gate,
    run_progress,
    runs,
    training,
)
from modelops.services.gate import judge_version
from modelops.services.registry import promote, register
from modelops.services.runs import close_silent_runs, queue_training
from modelops.services.training import run_training
from recsys.evaluation.model_checks.case import Case
from recsys.ranking.model import HybridModel
from tests.modelops.releases import admitted
from tests.recsys import planted
from tests.recsys.furniture import model
from tests.recsys.planted import harmless

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("stocked")]


def running(*, heard: timedelta) -> TrainingRun:
    return TrainingRun.objects.create(
        actor="staff:1", state=RunState.RUNNING, step="Fitting nmf", progress=0.44, heartbeat_at=clock.now() - heard
    )


def test_a_silent_run_is_closed_by_the_next_one() -> None:
    dead, alive = running(heard=2 * SILENCE), running(heard=SILENCE / 2)

    queue_training(actor="staff:1", hand_over=False)

    dead.refresh_from_db()
    alive.refresh_from_db()
    assert (dead.state, alive.state) == (RunState.FAILED, RunState.RUNNING)
    assert "died at 44% (Fitting nmf)" in dead.message
    assert dead.finished_at is not None


def test_a_run_that_lives_elsewhere_is_not_begun_again_but_a_dead_one_is(monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[int] = []

    def trained(progress: Any, slates: Any) -> Any:
        begun.append(progress.run.pk)
        raise ValueError("too little")

    monkeypatch.setattr(training, "_trained", trained)
    alive, dead = running(heard=SILENCE / 2), running(heard=2 * SILENCE)

    assert run_training(alive.pk).state == RunState.RUNNING
    assert run_training(dead.pk).state == RunState.FAILED

    assert begun == [dead.pk]


def test_a_long_step_is_not_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_progress, "BEAT_SECONDS", 0.02)
    run = queue_training(actor="staff:1", hand_over=False)

    def long_step(progress: Any, slates: Any) -> Any:
        TrainingRun.objects.filter(pk=run.pk).update(heartbeat_at=clock.now() - 2 * SILENCE)
        for _ in range(500):
            if TrainingRun.objects.get(pk=run.pk).heartbeat_at > clock.now() - SILENCE:  # type: ignore[operator]
                raise ValueError("heard of")
            time.sleep(0.01)
        raise AssertionError("the run fell silent")

    monkeypatch.setattr(training, "_trained", long_step)

    assert run_training(run.pk).message == "heard of"
    close_silent_runs()


def test_a_database_that_goes_away_for_a_moment_costs_no_training(monkeypatch: pytest.MonkeyPatch) -> None:
    """The write of progress fails in the middle, and the first one of the end."""
    run, save, fails = queue_training(actor="staff:1", hand_over=False), TrainingRun.save, iter([True, False, True])

    def unsteady(row: TrainingRun, **named: Any) -> None:
        if bool({"Fitting nmf", RunState.DONE} & {row.step, row.state}) and next(fails, False):
            raise InterfaceError("connection already closed")
        save(row, **named)

    monkeypatch.setattr(run_progress, "WAITS", (0.0,))

    def trained(progress: Any, slates: Any) -> Any:
        progress.tell("Fitting nmf", 0.4)
        progress.tell("Fitting ease", 0.5)
        return "done"

    monkeypatch.setattr(training, "_trained", trained)
    monkeypatch.setattr(TrainingRun, "save", unsteady)

    run_training(run.pk)

    run.refresh_from_db()
    assert (run.state, run.message) == (RunState.DONE, "done")


def test_a_run_that_was_stopped_or_killed_says_what_it_brought_live(monkeypatch: pytest.MonkeyPatch) -> None:
    version = ModelVersion.objects.get(version=admitted(model(("popular",))))

    def trained(progress: Any, slates: Any) -> Any:
        TrainingRun.objects.filter(pk=progress.run.pk).update(model_version=version)
        progress.run.refresh_from_db()
        promote(version.version, actor="staff:1")
        raise KeyboardInterrupt

    monkeypatch.setattr(training, "_trained", trained)

    with pytest.raises(CommandError, match=f"asked to stop. {version.version} is live"):
        call_command("train")
    stopped = TrainingRun.objects.get()
    assert (stopped.state, stopped.model_version) == (RunState.FAILED, version)

    killed = running(heard=2 * SILENCE)
    TrainingRun.objects.filter(pk=killed.pk).update(model_version=version)
    close_silent_runs()
    killed.refresh_from_db()
    assert killed.message.endswith(f"{version.version} is live.")


def test_a_run_names_its_version_as_soon_as_it_is_registered() -> None:
    """In the same transaction: one that is killed between two of them would say that nothing was changed."""
    run, other = (queue_training(actor="staff:1", hand_over=False) for _ in range(2))

    version = register(model(("popular",)), report={}, actor="staff:1", run=run)

    run.refresh_from_db()
    other.refresh_from_db()
    assert (run.model_version, other.model_version) == (version, None)


@pytest.mark.parametrize(
    ("case", "told"),
    [
        (None, "was registered, but never judged, and cannot go live: start another one."),
        (harmless(), "passed the gate, and waits for Promote."),
        (planted.case(planted.slow(planted.usual()), planted.usual()), "was refused: latency: "),
    ],
)
def test_a_run_that_was_killed_says_what_can_be_done_with_its_version(case: Case | None, told: str) -> None:
    run = running(heard=2 * SILENCE)
    version = register(model(("popular",)), report={}, actor="staff:1", run=run).version
    run.refresh_from_db()
    if case is not None:
        judge_version(version, case, reference="popularity", actor="staff:1")

    shown = message_of(run)
    close_silent_runs()

    run.refresh_from_db()
    assert shown == run.message
    assert run.message.startswith(f"Its process died at 44% (Fitting nmf). {version} {told}")


def test_a_run_that_is_stopped_before_it_has_a_version_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def trained(progress: Any, slates: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(training, "_trained", trained)

    with pytest.raises(CommandError, match="Nothing was changed"):
        call_command("train")


def test_a_database_that_goes_away_at_the_end_costs_no_finished_training(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before the answers are compared, and between the verdict and the word that it is written."""
    progress = run_progress.RunProgress(queue_training(actor="staff:1", hand_over=False), None)
    away = {"compared": True, "judged": True}

    def compared(trained: Any) -> None:
        if away.pop("compared", False):
            raise OperationalError("gone")

    def run_checks(version: str, *named: Any, **more: Any) -> ModelVersion:
        row = judge_version(version, harmless(), reference="popularity", actor="staff:1")
        if away.pop("judged", False):
            raise OperationalError("gone")
        return row

    monkeypatch.setattr(run_progress, "WAITS", (0.0,))
    monkeypatch.setattr(training, "steadiness_of", compared)
    monkeypatch.setattr(training, "judge_training", run_checks)

    told = training._released(SimpleNamespace(bundle=model(("popular",)), report={}), [], progress=progress, over="")  # type: ignore[arg-type]

    version = ModelVersion.objects.get()
    assert (told, version.state, away) == (f"{version.version} is live", ModelState.CHAMPION, {})
    assert progress.run.model_version == version


def test_a_disk_that_takes_no_model_is_told_before_anything_is_learnt(settings: Any, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    settings.MODEL_DIR = tmp_path / "file"

    with pytest.raises(CommandError, match=r"No model can be written to .* \(Not a directory\): make room there"):
        call_command("train")

    run = TrainingRun.objects.get()
    assert (run.state, run.step, run.progress) == (RunState.FAILED, "Reading events", 0.0)


@pytest.mark.parametrize(
    ("written", "left"),
    [(HybridModel, r"try again\."), (gate, r"try again\. [-.0-9]+ was registered, but never judged, and cannot go live")],
)
def test_a_disk_that_becomes_full_meanwhile_says_what_is_left(
    written: Any, left: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def full(*args: Any) -> str:
        raise OSError(errno.ENOSPC, "No space left on device")

    def trained(progress: run_progress.RunProgress, slates: Any) -> str:
        learnt: Any = SimpleNamespace(bundle=model(("popular",)), report={})
        return training._released(learnt, [], progress=progress, over="")

    def run_checks(version: str, *named: Any, **more: Any) -> ModelVersion:
        return judge_version(version, harmless(), reference="popularity", actor="staff:1")

    monkeypatch.setattr(training, "_trained", trained)
    monkeypatch.setattr(training, "steadiness_of", lambda trained: None)
    monkeypatch.setattr(training, "judge_training", run_checks)
    monkeypatch.setattr(written, "save" if written is HybridModel else "write_case", full)

    with pytest.raises(CommandError, match=rf"\(No space left on device\): .*{left}"):
        call_command("train")

    assert not list(tmp_path.glob(".writing-*"))


def test_two_workers_that_take_one_message_train_once(monkeypatch: pytest.MonkeyPatch) -> None:
    run = queue_training(actor="staff:1", hand_over=False)
    close, begun = runs.close_silent_runs, []

    def meanwhile(**named: Any) -> None:
        close(**named)
        TrainingRun.objects.filter(pk=run.pk).update(state=RunState.RUNNING, heartbeat_at=clock.now())

    monkeypatch.setattr(training, "close_silent_runs", meanwhile)
    monkeypatch.setattr(training, "_trained", lambda progress, slates: begun.append(1))

    assert run_training(run.pk).state == RunState.RUNNING
    assert begun == []


@pytest.mark.parametrize(
    "wish",
    [
        ("--budget", "-5"),
        ("--budget", "99999999999"),
        ("--seed", "-1"),
        ("--study", "x" * 600),
        ("--exposure", "1.5"),
        ("--exposure", "nan"),
    ],
)
def test_impossible_wishes_are_refused_in_a_line(wish: tuple[str, str]) -> None:
    with pytest.raises(CommandError, match=wish[0]):
        call_command("train", *wish)

    assert not TrainingRun.objects.exists()

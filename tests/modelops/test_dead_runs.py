"""Runs whose process died are closed as failed; a running run is not started twice."""

import errno
import time
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import InterfaceError, OperationalError

from common import clock
from modelops.live import directory_of
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
from tests.modelops.quick_training import Killed, after, before, learn_nothing
from tests.modelops.releases import passed_version
from tests.recsys import planted
from tests.recsys.furniture import model
from tests.recsys.planted import harmless

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("stocked_shop")]


def running(*, silence: timedelta) -> TrainingRun:
    return TrainingRun.objects.create(
        actor="staff:1", state=RunState.RUNNING, step="Fitting nmf", progress=0.44, heartbeat_at=clock.now() - silence
    )


def test_next_run_closes_dead_runs() -> None:
    dead, alive_run = running(silence=2 * SILENCE), running(silence=SILENCE / 2)

    queue_training(actor="staff:1", hand_over=False)

    dead.refresh_from_db()
    alive_run.refresh_from_db()
    assert (dead.state, alive_run.state) == (RunState.FAILED, RunState.RUNNING)
    assert "died at 44% (Fitting nmf)" in dead.message
    assert dead.finished_at is not None


def test_only_dead_runs_are_started_again(monkeypatch: pytest.MonkeyPatch) -> None:
    started_ids: list[int] = []

    def train(progress: Any, slates: Any) -> Any:
        started_ids.append(progress.run.pk)
        raise ValueError("too little")

    monkeypatch.setattr(training, "_trained", train)
    alive_run, dead = running(silence=SILENCE / 2), running(silence=2 * SILENCE)

    assert run_training(alive_run.pk).state == RunState.RUNNING
    assert run_training(dead.pk).state == RunState.FAILED

    assert started_ids == [dead.pk]


def test_long_step_sends_heartbeats(monkeypatch: pytest.MonkeyPatch) -> None:
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


def test_short_database_outage_does_not_fail_a_training(monkeypatch: pytest.MonkeyPatch) -> None:
    """One progress write fails, and so does the first write of the end."""
    run, save, fails = queue_training(actor="staff:1", hand_over=False), TrainingRun.save, iter([True, False, True])

    def unsteady(row: TrainingRun, **kwargs: Any) -> None:
        if bool({"Fitting nmf", RunState.DONE} & {row.step, row.state}) and next(fails, False):
            raise InterfaceError("connection already closed")
        save(row, **kwargs)

    monkeypatch.setattr(run_progress, "WAITS", (0.0,))

    def train(progress: Any, slates: Any) -> Any:
        progress.tell("Fitting nmf", 0.4)
        progress.tell("Fitting ease", 0.5)
        return "done"

    monkeypatch.setattr(training, "_trained", train)
    monkeypatch.setattr(TrainingRun, "save", unsteady)

    run_training(run.pk)

    run.refresh_from_db()
    assert (run.state, run.message) == (RunState.DONE, "done")


def test_interrupted_run_names_its_live_version(monkeypatch: pytest.MonkeyPatch) -> None:
    version = ModelVersion.objects.get(version=passed_version(model(("popular",))))

    def train(progress: Any, slates: Any) -> Any:
        TrainingRun.objects.filter(pk=progress.run.pk).update(model_version=version)
        progress.run.refresh_from_db()
        promote(version.version, actor="staff:1")
        raise KeyboardInterrupt

    monkeypatch.setattr(training, "_trained", train)

    with pytest.raises(CommandError, match=f"asked to stop. {version.version} is live"):
        call_command("train")
    stopped_run = TrainingRun.objects.get()
    assert (stopped_run.state, stopped_run.model_version) == (RunState.FAILED, version)

    killed = running(silence=2 * SILENCE)
    TrainingRun.objects.filter(pk=killed.pk).update(model_version=version)
    close_silent_runs()
    killed.refresh_from_db()
    assert killed.message.endswith(f"{version.version} is live.")


def test_run_names_its_version_after_registration() -> None:
    """Both are in one transaction; a run killed in between would claim that nothing changed."""
    run, other = (queue_training(actor="staff:1", hand_over=False) for _ in range(2))

    version = register(model(("popular",)), report={}, actor="staff:1", run=run)

    run.refresh_from_db()
    other.refresh_from_db()
    assert (run.model_version, other.model_version) == (version, None)


@pytest.mark.parametrize(
    ("case", "expected"),
    [
        (None, "was registered, but never judged, and cannot go live: start another one."),
        (harmless(), "passed the gate, and waits for Promote."),
        (planted.case(planted.slow(planted.usual()), planted.usual()), "was refused: latency: "),
    ],
)
def test_killed_run_explains_the_state_of_its_version(case: Case | None, expected: str) -> None:
    run = running(silence=2 * SILENCE)
    version = register(model(("popular",)), report={}, actor="staff:1", run=run).version
    run.refresh_from_db()
    if case is not None:
        judge_version(version, case, reference="popularity", actor="staff:1")

    message = message_of(run)
    close_silent_runs()

    run.refresh_from_db()
    assert message == run.message
    assert run.message.startswith(f"Its process died at 44% (Fitting nmf). {version} {expected}")


def test_interrupt_before_registration_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def train(progress: Any, slates: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(training, "_trained", train)

    with pytest.raises(CommandError, match="Nothing was changed"):
        call_command("train")


def kill() -> None:
    """End the process, as SIGKILL does."""
    raise Killed


@pytest.mark.parametrize(
    ("place", "moment", "left"),
    [
        ("recsys.training.training.train", before, "Nothing was changed: start another one."),
        ("recsys.training.training.refit_on_all", after, "Nothing was changed: start another one."),
        ("modelops.services.training.stability_of", before, "Nothing was changed: start another one."),
        ("modelops.services.training.register", before, "Nothing was changed: start another one."),
        ("recsys.ranking.artifact.seal", before, "Nothing was changed: start another one."),
        ("modelops.services.training.register", after, "was registered, but never judged, and cannot go live"),
        ("modelops.services.training.judge_version", before, "was registered, but never judged, and cannot go live"),
        ("modelops.services.gate.write_case", after, "was registered, but never judged, and cannot go live"),
        ("modelops.services.training.judge_version", after, "passed the gate, and waits for Promote."),
        ("modelops.services.training.promote", after, "is live."),
    ],
)
def test_a_run_that_is_killed_anywhere_leaves_no_half_version_and_is_not_run_twice(
    place: str, moment: Any, left: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    trainings = learn_nothing(monkeypatch)
    monkeypatch.setattr(run_progress.RunProgress, "end", lambda *parts, **named: kill())
    module, name = place.rsplit(".", 1)
    monkeypatch.setattr(place, moment(getattr(import_module(module), name), kill))
    run = queue_training(actor="staff:1", hand_over=False)

    with pytest.raises(Killed):
        run_training(run.pk)

    assert run_training(run.pk).state == RunState.RUNNING, "nobody knows yet that its process is gone"
    assert len(trainings) <= 1
    monkeypatch.undo()
    TrainingRun.objects.filter(pk=run.pk).update(heartbeat_at=clock.now() - 2 * SILENCE)
    close_silent_runs()
    run.refresh_from_db()
    assert run.state == RunState.FAILED
    assert left in run.message
    assert run_training(run.pk).state == RunState.FAILED, "it is over"
    versions = list(ModelVersion.objects.all())
    assert (run.model_version is None) == (not versions) == left.startswith("Nothing")
    for version in versions:
        assert HybridModel.load(directory_of(version), expected=version.artifact_hash)
    artifacts = {one.name for one in tmp_path.iterdir() if one.is_dir() and (one / "manifest.json").exists()}
    assert artifacts >= {version.directory for version in versions}
    assert not list(tmp_path.glob(".writing-*"))
    assert ModelVersion.objects.filter(state=ModelState.CHAMPION).count() == left.count("is live")


def test_a_database_that_goes_away_at_the_end_costs_no_finished_training(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before answers are compared with the live model's, and between the verdict and the word that it is written."""
    away = {"compared", "judged"}

    def goes_away(at: str) -> None:
        if at in away:
            away.remove(at)
            raise OperationalError("gone")

    learn_nothing(monkeypatch)
    monkeypatch.setattr(run_progress, "WAITS", (0.0,))
    monkeypatch.setattr(training, "stability_of", before(gate.stability_of, lambda: goes_away("compared")))
    monkeypatch.setattr(training, "judge_version", after(judge_version, lambda: goes_away("judged")))

    run = run_training(queue_training(actor="staff:1", hand_over=False).pk)

    version = ModelVersion.objects.get()
    assert (run.state, run.message) == (RunState.DONE, f"{version.version} is live")
    assert (version.state, run.model_version, away) == (ModelState.CHAMPION, version, set())


def test_full_disk_is_detected_before_training(settings: Any, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    settings.MODEL_DIR = tmp_path / "file"

    with pytest.raises(CommandError, match=r"No model can be written to .* \(Not a directory\): make room there"):
        call_command("train")

    run = TrainingRun.objects.get()
    assert (run.state, run.step, run.progress) == (RunState.FAILED, "Reading events", 0.0)


@pytest.mark.parametrize(
    ("target", "left"),
    [
        (HybridModel, r"try again\."),
        (gate, r"try again\. [-.0-9]+ was registered, but never judged, and cannot go live"),
    ],
)
def test_disk_full_during_training_explains_the_outcome(
    target: Any, left: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def full(*args: Any) -> str:
        raise OSError(errno.ENOSPC, "No space left on device")

    learn_nothing(monkeypatch)
    monkeypatch.setattr(target, "save" if target is HybridModel else "write_case", full)

    with pytest.raises(CommandError, match=rf"\(No space left on device\): .*{left}"):
        call_command("train")

    assert not list(tmp_path.glob(".writing-*"))


def test_two_workers_with_one_message_train_once(monkeypatch: pytest.MonkeyPatch) -> None:
    run = queue_training(actor="staff:1", hand_over=False)
    close, started_ids = runs.close_silent_runs, []

    def meanwhile(**kwargs: Any) -> None:
        close(**kwargs)
        TrainingRun.objects.filter(pk=run.pk).update(state=RunState.RUNNING, heartbeat_at=clock.now())

    monkeypatch.setattr(training, "close_silent_runs", meanwhile)
    monkeypatch.setattr(training, "_trained", lambda progress, slates: started_ids.append(1))

    assert run_training(run.pk).state == RunState.RUNNING
    assert started_ids == []


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
def test_invalid_options_are_rejected(wish: tuple[str, str]) -> None:
    with pytest.raises(CommandError, match=wish[0]):
        call_command("train", *wish)

    assert not TrainingRun.objects.exists()

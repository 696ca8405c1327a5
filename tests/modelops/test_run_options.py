"""Options of a training: the row holds the given options, or the settings."""

import fcntl
import runpy
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from threading import Barrier, BrokenBarrierError, Thread
from typing import Any

import optuna
import pytest
from celery import current_app
from django.conf import LazySettings
from django.core.management import CommandError, call_command
from django.db import InterfaceError, OperationalError, connection
from kombu.exceptions import OperationalError as BrokerError

from audit.selectors import entries
from common import clock
from common.errors import InvalidInput
from config import env
from modelops.models import ModelVersion, TrainingRun
from modelops.selectors.runs import SILENCE
from modelops.services import run_progress, runs, training
from modelops.services.registry import promote
from modelops.services.runs import queue_night, queue_once, queue_training
from modelops.services.training import run_training
from modelops.tasks import train
from recsys.sources.registry import RECOMMENDERS
from recsys.training import training as training_of_recsys
from recsys.training.plan import Plan
from recsys.training.tuning import Search
from tests.modelops.quick_training import before, learn_nothing
from tests.modelops.releases import passed_version
from tests.recsys.furniture import model

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def train_calls(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Return the arguments of each training; no training runs."""
    calls: list[dict[str, Any]] = []

    def learn(dataset: Any, **kwargs: Any) -> Any:
        calls.append(kwargs)
        raise ValueError("enough seen")

    monkeypatch.setattr(training, "_dataset", lambda progress: None)
    monkeypatch.setattr("recsys.training.training.train", learn)
    return calls


def test_exposure_option_overrides_the_setting(train_calls: list[dict[str, Any]], settings: LazySettings) -> None:
    settings.EXPOSURE_STRENGTH = 0.2

    for wish in (("--exposure", "0.35"), ()):
        with pytest.raises(CommandError, match="enough seen"):
            call_command("train", *wish)
    train()

    assert [one["exposure"] for one in train_calls] == [0.35, 0.2, 0.2]
    assert list(TrainingRun.objects.order_by("id").values_list("exposure", flat=True)) == [0.35, 0.2, 0.2]


def test_nightly_training_uses_tuning_minutes(train_calls: list[dict[str, Any]], settings: LazySettings) -> None:
    settings.TUNING_MINUTES = 10

    train()

    assert [one["budget_s"] for one in train_calls] == [600]
    assert TrainingRun.objects.get().budget_s == 600


def test_search_is_stored_in_study_or_model_directory(
    train_calls: list[dict[str, Any]], settings: LazySettings, tmp_path: Path
) -> None:
    settings.MODEL_DIR = tmp_path / "models"

    for wish in ({}, {"budget_s": 60}, {"budget_s": 60, "sampler": "random"}, {"budget_s": 60, "study": "own.db"}):
        run_training(queue_training(actor="staff:1", hand_over=False, **wish).pk)

    ours = str(tmp_path / "models/search.db")
    assert [one["search"].study for one in train_calls] == [None, ours, ours, "own.db"]
    assert [one["search"].sampler for one in train_calls] == ["tpe", "tpe", "random", "tpe"]


@pytest.mark.parametrize(("content", "most"), [(b"no database" * 100, None), (None, 0)])
def test_broken_or_too_large_search_file_is_replaced(
    content: bytes | None,
    most: int | None,
    train_calls: list[dict[str, Any]],
    settings: LazySettings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings.MODEL_DIR, file = tmp_path, tmp_path / "search.db"
    if content:
        file.write_bytes(content)
    else:
        optuna.create_study(storage=Search(study=str(file)).opened(), study_name="of other data")
    if most is not None:
        monkeypatch.setattr(training, "MOST_SEARCHED", most)

    run_training(queue_training(actor="staff:1", budget_s=60, hand_over=False).pk)

    (one,) = train_calls
    assert optuna.get_all_study_names(one["search"].opened()) == []


@pytest.mark.parametrize("is_locked", ["search.lock", "search.db"])
def test_unwritable_search_stays_in_memory(
    is_locked: str, train_calls: list[dict[str, Any]], settings: LazySettings, tmp_path: Path
) -> None:
    settings.MODEL_DIR = tmp_path
    (tmp_path / is_locked).mkdir()

    run_training(queue_training(actor="staff:1", budget_s=60, hand_over=False).pk)

    (one,) = train_calls
    assert one["search"].study is None
    assert "directory" in one["search"].lost[0].lower()


def test_a_run_says_why_its_search_was_not_kept(
    settings: LazySettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.MODEL_DIR = tmp_path
    trainings = learn_nothing(monkeypatch)

    def full() -> None:
        trainings[0]["search"].lost.append("database or disk is full")

    monkeypatch.setattr("recsys.training.training.refit_on_all", before(training_of_recsys.refit_on_all, full))

    run = run_training(queue_training(actor="staff:1", budget_s=60, hand_over=False).pk)

    assert run.message == (
        f"{ModelVersion.objects.get().version} is live. "
        "The search for settings could not be kept for the next training: database or disk is full"
    )


def test_a_training_takes_the_place_of_what_was_live_when_it_began_though_nobody_can_read_it(
    settings: LazySettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.MODEL_DIR = tmp_path
    ModelVersion.objects.create(version="2026-11-24.1", directory="gone", artifact_hash="a" * 64, state="champion")
    trainings = learn_nothing(monkeypatch)

    run = run_training(queue_training(actor="staff:1", hand_over=False).pk)

    version = ModelVersion.objects.get(state="champion")
    why = "the plan of 2026-11-24.1 cannot be followed (gone: no readable manifest)"
    assert run.message == f"{version.version} is live. It was held against popularity: {why}"
    assert version.version != "2026-11-24.1"
    assert version.gate["reference"] == "popularity"
    assert trainings[0]["search"].champion == {}


def test_a_training_starts_from_the_settings_of_what_is_live_and_is_held_against_its_plan(
    settings: LazySettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.MODEL_DIR = tmp_path
    plan = Plan({"popular": {"category_weight": 4.0}}, {"popular": 20}, {"popular": 1.0}, "popular", "popular")
    live_model = model(("popular",))
    live = passed_version(replace(live_model, manifest={**live_model.manifest, "plan": plan.json()}))
    promote(live, actor="staff:1")
    trainings = learn_nothing(monkeypatch, followed=True)

    run = run_training(queue_training(actor="staff:1", hand_over=False).pk)

    assert run.model_version is not None
    assert run.message == f"{run.model_version.version} is live"
    assert run.model_version.gate["reference"] == live
    assert trainings[0]["search"].champion == {"popular": {"category_weight": 4.0}}


@pytest.mark.parametrize("thorough", [True, False])
def test_a_report_is_as_thorough_as_was_wished(
    thorough: bool, settings: LazySettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.MODEL_DIR = tmp_path
    learn_nothing(monkeypatch)
    wishes: list[bool] = []

    def report(*parts: Any, thorough: bool, **named: Any) -> dict[str, Any]:
        wishes.append(thorough)
        return {"rmse": {}}

    monkeypatch.setattr("recsys.evaluation.report.training_report", report)

    call_command("train", *(["--thorough"] if thorough else []))

    assert wishes == [thorough]


def test_concurrent_trainings_do_not_share_a_search_file(
    train_calls: list[dict[str, Any]], settings: LazySettings, tmp_path: Path
) -> None:
    settings.MODEL_DIR = tmp_path

    with (tmp_path / "search.lock").open("w") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        run_training(queue_training(actor="staff:1", budget_s=60, hand_over=False).pk)
    run_training(queue_training(actor="staff:1", budget_s=60, hand_over=False).pk)

    assert [one["search"].study for one in train_calls] == [None, str(tmp_path / "search.db")]


def test_short_database_outage_keeps_the_finished_training(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_progress, "WAITS", (0.0, 0.0))
    version, tries = ModelVersion(version="2026-11-25.1"), iter([OperationalError("gone"), InterfaceError("closed")])

    def step() -> ModelVersion:
        for error in tries:
            raise error
        return version

    assert run_progress.retried(step) is version


def test_double_click_queues_one_training(monkeypatch: pytest.MonkeyPatch) -> None:
    both, results, close = Barrier(2), [], runs.close_silent_runs

    def together(**kwargs: Any) -> None:
        close(**kwargs)
        with suppress(BrokenBarrierError):
            both.wait(0.5)

    def click() -> None:
        queue_once(actor="staff:1", budget_s=60)
        connection.close()

    monkeypatch.setattr(runs, "close_silent_runs", together)
    monkeypatch.setattr(current_app, "send_task", lambda name, *, args, **more: results.append(args[0]))
    clicks = [Thread(target=click) for _ in range(2)]
    for one in clicks:
        one.start()
    for one in clicks:
        one.join()

    assert results == 2 * [TrainingRun.objects.get().pk]
    assert len(entries(action="training.queued")) == 1
    TrainingRun.objects.update(state="done")
    assert queue_once(actor="staff:1", budget_s=60)[1], "what is over stands in nobody's way"


def test_command_requeues_the_same_run_after_a_broker_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    def away(name: str, **more: Any) -> None:
        raise BrokerError("away")

    monkeypatch.setattr(current_app, "send_task", away)
    for _ in range(2):
        with pytest.raises(BrokerError):
            call_command("train", "--background", "--budget", "60")

    assert TrainingRun.objects.count() == 1


def test_broker_timeout_exceeds_long_tuning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TUNING_MINUTES", "600")

    jobs = runpy.run_path(str(env.ROOT / "config/settings/jobs.py"))

    night = jobs["TRAINING_BUDGET_SECONDS"] + 60 * jobs["TUNING_MINUTES"]
    assert jobs["CELERY_BROKER_TRANSPORT_OPTIONS"]["visibility_timeout"] > night > 36_000


@pytest.mark.parametrize("state", ["done", "failed", "stopped", "running"])
def test_redelivered_message_trains_once(
    state: str, train_calls: list[dict[str, Any]], caplog: pytest.LogCaptureFixture
) -> None:
    train.apply(task_id="night-1", throw=True)
    TrainingRun.objects.update(state=state, heartbeat_at=clock.now())

    train.apply(task_id="night-1", throw=True)

    assert len(train_calls) == 1
    run = TrainingRun.objects.get()
    assert (run.message_id, run.state) == ("night-1", state)
    assert len(entries(action="training.queued")) == 1
    assert f"training.night_came_again run={run.pk} state={state} message=night-1" in caplog.messages
    train.apply(task_id="night-2", throw=True)
    assert len(train_calls) == TrainingRun.objects.count() == 2


def test_redelivered_message_restarts_a_dead_run(train_calls: list[dict[str, Any]]) -> None:
    train.apply(task_id="night-1", throw=True)
    TrainingRun.objects.update(state="running", heartbeat_at=clock.now() - 2 * SILENCE)

    train.apply(task_id="night-1", throw=True)

    assert len(train_calls) == 2
    assert TrainingRun.objects.get().message == "enough seen"


def test_concurrent_workers_create_one_nightly_run(monkeypatch: pytest.MonkeyPatch) -> None:
    queued = queue_training(actor="system:schedule", hand_over=False, message_id="night-1")
    monkeypatch.setattr(runs, "_run_of_message", lambda message_id: None)

    assert queue_night("night-1", budget_s=0) == queued


@pytest.mark.parametrize("strength", [-0.1, 1.1, float("nan")])
def test_invalid_exposure_queues_nothing(strength: float) -> None:
    with pytest.raises(InvalidInput, match="exposure: a strength from 0 to 1"):
        queue_training(actor="staff:1", exposure=strength, hand_over=False)

    assert not TrainingRun.objects.exists()


@pytest.mark.django_db
def test_training_names_missing_packages(settings: LazySettings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.EXTRA_SOURCES = ["sequence_net"]
    monkeypatch.setattr(RECOMMENDERS["sequence_net"], "installed", classmethod(lambda cls: False))

    with pytest.raises(CommandError, match="sequence_net needs packages that are not installed: torch"):
        call_command("train")

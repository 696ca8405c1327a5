"""Training from recorded events to a live version, with progress and result in its row."""

from pathlib import Path
from typing import Any
from unittest import mock

import pandas as pd
import pytest
from django.core.management import call_command

from audit.selectors import entries
from modelops.live import directory_of
from modelops.models import (
    ModelAlarm,
    ModelState,
    ModelVersion,
    RunState,
    TrainingRun,
)
from modelops.services import training
from modelops.services.gate import judge_version
from modelops.services.registry import promote
from modelops.services.runs import queue_training
from modelops.services.training import run_training
from modelops.tasks import train
from personalization.services.recommend import recommend
from personalization.serving.asking import Ask
from profiles import history
from recsys.data.event_weights import SIGNAL_WEIGHTS
from recsys.ranking.artifact import unseal
from tests.events.builders import START
from tests.modelops.purchases import bought, put
from tests.modelops.quick_training import learn_nothing
from tests.modelops.releases import passed_version
from tests.recsys.furniture import TASTES, model

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("stocked_shop")]

DAY = 86_400_000_000


def record(shoppers: int) -> None:
    """Write purchases of shoppers with four tastes into the log, then record them in PostgreSQL."""
    events = [
        bought(f"{shopper}-{at}", shopper, product_id, START + shopper * 3_600_000_000 + at * DAY)
        for shopper in range(shoppers)
        for at, product_id in enumerate(TASTES[shopper % 4] * 2)
    ]
    put(events)


@pytest.mark.slow
def test_train_command_makes_a_live_model(tmp_path: Path, capsys: Any, settings: Any) -> None:
    record(120)
    settings.EVENT_WEIGHTS = {"purchase": 2.5}

    call_command("train", "--seed", "3", "--recommendations", str(tmp_path / "slates.parquet"))

    run, version = TrainingRun.objects.get(), ModelVersion.objects.get(state=ModelState.CHAMPION)
    printed = capsys.readouterr().out
    assert f"{version.version} is live" in printed
    assert "ndcg@10" in printed
    assert (run.state, run.step, run.progress, run.model_version) == (RunState.DONE, "", 1.0, version)
    assert [run.steps[0][0], run.steps[-1][0]] == ["Reading events", "Judging at the gate"]
    assert sorted(run.steps, key=lambda step: float(step[1])) == run.steps
    assert {"ndcg@10", "precision@10", "recall@10"} <= set(version.metrics)
    assert version.report["ladder"]
    assert recommend(Ask(placement="home")).model_version == version.version
    assert unseal(directory_of(version))["event_weights"] == {**SIGNAL_WEIGHTS, "purchase": 2.5}
    slates = pd.read_parquet(tmp_path / "slates.parquet")
    assert list(slates.columns) == ["user", "rank", "item", "score", "strategy"]
    assert slates["user"].str.startswith("user:u").all()


@pytest.mark.slow
@pytest.mark.usefixtures("few_sources")
def test_half_the_data_fails_unless_forced() -> None:
    record(120)
    live = promote(passed_version(model(), report={"data_profile": {"rows": 10_000}}), actor="staff:1")

    refused_run = run_training(queue_training(actor="staff:1", hand_over=False).pk)

    assert (refused_run.state, refused_run.model_version) == (RunState.FAILED, None)
    assert "volume: 0.072, bar 0.7" in refused_run.message
    alarm = ModelAlarm.objects.get()
    assert (alarm.run, alarm.model_version) == (refused_run, live)

    forced_run = run_training(queue_training(actor="staff:1", forced=True, hand_over=False).pk)

    assert forced_run.model_version is not None
    assert 0 < forced_run.model_version.report["stability"]["value"] <= 1
    assert [event.object for event in entries(action="training.forced")] == [f"training_run:{forced_run.pk}"]


def test_version_promoted_meanwhile_is_not_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    learn_nothing(monkeypatch)
    other = passed_version(model())

    def meanwhile(*args: Any, **kwargs: Any) -> ModelVersion:
        promote(other, actor="staff:1")
        return judge_version(*args, **kwargs)

    monkeypatch.setattr(training, "judge_version", meanwhile)

    run = run_training(queue_training(actor="staff:1", hand_over=False).pk)

    assert run.model_version is not None
    assert run.model_version.passed
    assert f"passed, but was not promoted. By now {other} is live" in run.message
    assert ModelVersion.objects.get(state=ModelState.CHAMPION).version == other


def test_training_uses_as_much_history_as_serving(monkeypatch: pytest.MonkeyPatch) -> None:
    record(20)
    arguments: dict[str, Any] = {}

    def learning(*data: Any, **how: Any) -> None:
        arguments.update(how)
        raise ValueError("enough seen")

    monkeypatch.setattr("recsys.training.training.train", learning)

    run = run_training(queue_training(actor="staff:1", hand_over=False).pk)

    assert (run.message, arguments["max_events"]) == ("enough seen", history.MAX_INTERACTIONS)


def test_ended_run_is_not_run_again() -> None:
    run = TrainingRun.objects.create(actor="staff:1", state=RunState.DONE, message="old")

    train(run.pk)

    run.refresh_from_db()
    assert (run.message, ModelVersion.objects.count()) == ("old", 0)


@pytest.mark.parametrize("asked_for", [True, False])
def test_answers_are_written_for_requested_runs_only(
    asked_for: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = mock.Mock()
    monkeypatch.setattr("modelops.tasks.run_training", run)
    run_id = TrainingRun.objects.create(actor="staff:1").pk if asked_for else None

    train(run_id, slates=str(tmp_path / "answers.parquet"))

    run.assert_called_once_with(
        TrainingRun.objects.get().pk, slates=tmp_path / "answers.parquet" if asked_for else None
    )


def test_too_little_data_keeps_the_live_model() -> None:
    record(1)

    train()

    run = TrainingRun.objects.get()
    assert run.state == RunState.FAILED
    assert "interactions" in run.message
    assert run.actor == "system:schedule"
    assert ModelVersion.objects.count() == 0

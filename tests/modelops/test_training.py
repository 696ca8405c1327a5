"""Training goes from recorded events to a live version; its row tells how far it is and how it ended."""

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
from modelops.services.gate import judge_training
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
from tests.modelops.releases import admitted
from tests.recsys.furniture import TASTES, model

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("stocked")]

DAY = 86_400_000_000


def record(shoppers: int) -> None:
    """Write purchases of shoppers with four tastes into the log, and from there into PostgreSQL."""
    events = [
        bought(f"{shopper}-{at}", shopper, product_id, START + shopper * 3_600_000_000 + at * DAY)
        for shopper in range(shoppers)
        for at, product_id in enumerate(TASTES[shopper % 4] * 2)
    ]
    put(events)


@pytest.mark.slow
def test_the_command_ends_with_a_live_model_that_is_served(tmp_path: Path, capsys: Any, settings: Any) -> None:
    record(120)
    settings.EVENT_WEIGHTS = {"purchase": 2.5}

    call_command("train", "--seed", "3", "--recommendations", str(tmp_path / "slates.parquet"))

    run, version = TrainingRun.objects.get(), ModelVersion.objects.get(state=ModelState.CHAMPION)
    printed = capsys.readouterr().out
    assert f"{version.version} is live" in printed
    assert "ndcg@10" in printed
    assert (run.state, run.step, run.progress, run.model_version) == (RunState.DONE, "", 1.0, version)
    assert {"ndcg@10", "precision@10", "recall@10"} <= set(version.metrics)
    assert version.report["ladder"]
    assert recommend(Ask(placement="home")).model_version == version.version
    assert unseal(directory_of(version))["event_weights"] == {**SIGNAL_WEIGHTS, "purchase": 2.5}
    slates = pd.read_parquet(tmp_path / "slates.parquet")
    assert list(slates.columns) == ["user", "rank", "item", "score", "strategy"]
    assert slates["user"].str.startswith("user:u").all()


@pytest.mark.slow
def test_half_the_data_of_the_live_model_is_refused_unless_forced_and_steadiness_is_reported() -> None:
    record(120)
    live = promote(admitted(model(), report={"data_profile": {"rows": 10_000}}), actor="staff:1")

    refused = run_training(queue_training(actor="staff:1", hand_over=False).pk)

    assert (refused.state, refused.model_version) == (RunState.FAILED, None)
    assert "volume: 0.072, bar 0.7" in refused.message
    alarm = ModelAlarm.objects.get()
    assert (alarm.run, alarm.model_version) == (refused, live)

    forced = run_training(queue_training(actor="staff:1", forced=True, hand_over=False).pk)

    assert forced.model_version is not None
    assert 0 < forced.model_version.report["stability"]["value"] <= 1
    assert [event.object for event in entries(action="training.forced")] == [f"training_run:{forced.pk}"]


@pytest.mark.slow
def test_a_version_that_went_live_meanwhile_is_not_replaced_unseen(monkeypatch: pytest.MonkeyPatch) -> None:
    record(120)
    other = admitted(model())
    run_checks = judge_training

    def meanwhile(*args: Any, **named: Any) -> ModelVersion:
        promote(other, actor="staff:1")
        return run_checks(*args, **named)

    monkeypatch.setattr(training, "judge_training", meanwhile)

    run = run_training(queue_training(actor="staff:1", hand_over=False).pk)

    assert run.model_version is not None
    assert run.model_version.passed
    assert f"passed, but was not promoted. By now {other} is live" in run.message
    assert ModelVersion.objects.get(state=ModelState.CHAMPION).version == other


def test_shoppers_are_learnt_from_as_far_back_as_answers_know_them(monkeypatch: pytest.MonkeyPatch) -> None:
    record(20)
    told: dict[str, Any] = {}

    def learning(*data: Any, **how: Any) -> None:
        told.update(how)
        raise ValueError("enough seen")

    monkeypatch.setattr("recsys.evaluation.pipeline.train", learning)

    run = run_training(queue_training(actor="staff:1", hand_over=False).pk)

    assert (run.message, told["newest"]) == ("enough seen", history.MAX_INTERACTIONS)


def test_a_run_that_is_over_is_not_run_again() -> None:
    run = TrainingRun.objects.create(actor="staff:1", state=RunState.DONE, message="old")

    train(run.pk)

    run.refresh_from_db()
    assert (run.message, ModelVersion.objects.count()) == ("old", 0)


@pytest.mark.parametrize("asked_for", [True, False])
def test_answers_are_written_to_a_file_of_a_training_that_was_asked_for_alone(
    asked_for: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = mock.Mock()
    monkeypatch.setattr("modelops.tasks.run_training", run)
    asked = TrainingRun.objects.create(actor="staff:1").pk if asked_for else None

    train(asked, slates=str(tmp_path / "answers.parquet"))

    run.assert_called_once_with(
        TrainingRun.objects.get().pk, slates=tmp_path / "answers.parquet" if asked_for else None
    )


def test_too_little_data_fails_with_a_reason_and_leaves_the_live_model() -> None:
    record(1)

    train()

    run = TrainingRun.objects.get()
    assert run.state == RunState.FAILED
    assert "interactions" in run.message
    assert run.actor == "system:schedule"
    assert ModelVersion.objects.count() == 0

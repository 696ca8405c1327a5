"""Training goes from recorded events to a live version; its row tells how far it is and how it ended."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from django.core.management import call_command

from events.log import get_log
from events.log.base import Entry
from events.services.record import Recorder, offsets
from events.types.base import Event
from personalization.models import ModelState, ModelVersion, RunState, TrainingRun
from personalization.services.recommend import recommend
from personalization.serving.asking import Ask
from personalization.tasks import train
from tests.events.journal import START
from tests.personalization.shop import TASTES

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("stocked")]

DAY = 86_400_000_000


def record(shoppers: int) -> None:
    """Write purchases of shoppers with four tastes into the log, and from there into PostgreSQL."""
    events = [
        bought(f"{shopper}-{at}", shopper, product_id, START + shopper * 3_600_000_000 + at * DAY)
        for shopper in range(shoppers)
        for at, product_id in enumerate(TASTES[shopper % 4] * 2)
    ]
    log = get_log()
    log.append([Entry("event", event.raw_id, event.encode()) for event in events])
    after = offsets(range(log.shards))
    Recorder().record(log.read_many(after, count=10_000), after=after)


def bought(message_id: str, shopper: int, product_id: str, at: int) -> Event:
    return Event(
        message_id=message_id,
        kind="track",
        name="Order Completed",
        at=at,
        received_at=at,
        user_id=f"u{shopper}",
        properties={"order_id": message_id, "products": [{"product_id": product_id, "quantity": 1, "price": 5}]},
        allowed=("analytics", "personalization", "train_models"),
        source="test",
    )


@pytest.mark.slow
def test_the_command_ends_with_a_live_model_that_is_served(tmp_path: Path, capsys: Any) -> None:
    record(120)

    call_command("train", "--seed", "3", "--recommendations", str(tmp_path / "slates.parquet"))

    run, version = TrainingRun.objects.get(), ModelVersion.objects.get(state=ModelState.CHAMPION)
    printed = capsys.readouterr().out
    assert f"{version.version} is live" in printed
    assert "ndcg@10" in printed
    assert (run.state, run.progress, run.model_version) == (RunState.DONE, 1.0, version)
    assert {"ndcg@10", "precision@10", "recall@10"} <= set(version.metrics)
    assert version.report["ladder"]
    assert recommend(Ask(placement="home")).model_version == version.version
    slates = pd.read_parquet(tmp_path / "slates.parquet")
    assert list(slates.columns) == ["user", "rank", "item", "score", "strategy"]
    assert slates["user"].str.startswith("user:u").all()


def test_a_run_that_is_over_is_not_run_again() -> None:
    run = TrainingRun.objects.create(actor="staff:1", state=RunState.DONE, message="old")

    train(run.pk)

    run.refresh_from_db()
    assert (run.message, ModelVersion.objects.count()) == ("old", 0)


def test_too_little_data_fails_with_a_reason_and_leaves_the_live_model() -> None:
    record(1)

    train()

    run = TrainingRun.objects.get()
    assert run.state == RunState.FAILED
    assert "interactions" in run.message
    assert run.actor == "system:schedule"
    assert ModelVersion.objects.count() == 0

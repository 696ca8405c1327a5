"""Increments: recent events enter the tables of the live version; broken data change nothing."""

import errno
import time
from dataclasses import replace
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from celery import current_app
from django.contrib.auth import get_user_model
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection
from django_celery_beat.schedulers import ModelEntry
from pytest_django import Settings

from audit.selectors import entries
from common import clock
from common.errors import Conflict
from events.types.base import Event
from modelops import tasks
from modelops.live import increment_of, increments_of
from modelops.models import (
    ModelAlarm,
    ModelState,
    ModelVersion,
    RunState,
    TrainingRun,
)
from modelops.services import increments
from modelops.services.alarms import settle
from modelops.services.increments import run_increment
from modelops.services.registry import promote, roll_back
from modelops.services.shop_data import shop_dataset
from personalization.serving.snapshot_refresher import snapshot_refresher
from recsys.data.dataset import build, fingerprint
from recsys.data.signals import SIGNAL_NAMES
from recsys.ranking.model import EVENT_WEIGHTS, HybridModel
from tests.events.builders import START
from tests.modelops.purchases import bought, put
from tests.modelops.releases import passed_version
from tests.recsys.furniture import history, items, model

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("live_model")]


def sell(product_id: str, *, to: int = 60, day: int = 0) -> None:
    """Write that many sales of one product into the log, then record them in PostgreSQL."""
    at = START + day * 86_400_000_000
    put([bought(f"{product_id}-{day}-{one}", one, product_id, at + one * 1_000_000) for one in range(to)])


def live() -> ModelVersion:
    return ModelVersion.objects.get(state=ModelState.CHAMPION)


def best_seller() -> str:
    snapshot = snapshot_refresher.current()
    return str(snapshot.serving_catalog.catalog.item_ids[snapshot.popular[0]])


def test_increment_contains_new_sales() -> None:
    assert best_seller() == "lamp"
    sell("rug")

    message = run_increment()

    row = live()
    assert message == f"{row.version} has learnt from 60 interactions."
    assert best_seller() == "rug"
    assert snapshot_refresher.current().model_version == row.version, "the version is the one that the gate let through"
    assert row.increment["interactions"] == 60
    assert snapshot_refresher.refusal is None


def test_increment_uses_the_event_weights_of_the_training(settings: Any) -> None:
    bundle = model(("popular",))
    promote(
        passed_version(replace(bundle, manifest={**bundle.manifest, EVENT_WEIGHTS: {"purchase": 2.5}})), actor="staff:1"
    )
    settings.EVENT_WEIGHTS = {"purchase": 9.0}
    sell("rug")

    run_increment()

    assert live().increment["data"] == fingerprint(shop_dataset(weights={"purchase": 2.5}))
    assert run_increment(forced=True).startswith("Nothing has happened since")
    assert snapshot_refresher.current().weights[SIGNAL_NAMES.index("purchase")] == 2.5


def test_no_increment_without_new_events() -> None:
    sell("rug")
    run_increment()
    before = live()

    assert run_increment(forced=True) == f"Nothing has happened since {before.version} learnt last."
    assert increment_of(live()) == increment_of(before)
    assert live().increment["at"] > before.increment["at"]


def test_no_increment_right_after_a_training() -> None:
    sell("rug")
    bundle = model(("popular",))
    manifest = {**bundle.manifest, "data": fingerprint(shop_dataset(weights={}))}
    promote(passed_version(replace(bundle, manifest=manifest)), actor="staff:1")

    assert run_increment() == f"Nothing has happened since {live().version} learnt last."
    assert best_seller() == "lamp"

    sell("rug", day=1)
    assert "has learnt from 120" in run_increment(forced=True)


def test_increments_are_audited() -> None:
    sell("rug")
    tasks.increment()
    call_command("increment", stdout=StringIO())
    first = live().increment["artifact_hash"]
    sell("throw", to=90, day=1)
    call_command("increment", stdout=StringIO())

    version, later = live().version, live().increment["artifact_hash"]
    audit_entries = [(entry.actor, entry.object, entry.data) for entry in entries(action="model.incremented")]
    assert audit_entries == [
        (who, f"model_version:{version}", {"version": version, "artifact_hash": own, "interactions": count})
        for who, own, count in (("system:command", later, 150), ("system:schedule", first, 60))
    ]
    assert first != later


def test_increments_take_at_most_a_tenth_of_the_time() -> None:
    sell("rug")
    run_increment()
    ModelVersion.objects.update(increment={**live().increment, "seconds": 30.0})

    assert "no other one before" in run_increment()

    long_ago = clock.now() - timedelta(seconds=increments.PAUSE_FACTOR * 30 + 1)
    ModelVersion.objects.update(increment={**live().increment, "at": long_ago.isoformat()})
    sell("throw", to=90, day=1)

    assert "has learnt from 150" in run_increment()


def test_clock_set_back_does_not_stop_increments() -> None:
    sell("rug")
    run_increment()
    a_year_ahead = clock.now() + timedelta(days=365)
    ModelVersion.objects.update(increment={**live().increment, "at": a_year_ahead.isoformat()})

    assert "Nothing has happened" in run_increment()


def test_previous_increment_is_kept(settings: Settings) -> None:
    settings.REPLAY_DAYS = 0
    for day in range(3):
        sell("rug", day=day)
        run_increment(forced=True)

    directories = {one.name for one in increments_of(live()).iterdir()}
    assert len(directories) == 2
    assert live().increment["directory"] in directories


def test_promotion_and_roll_back_drop_increments(settings: Settings) -> None:
    settings.REPLAY_DAYS = 0
    sell("rug")
    run_increment()
    first = live().version

    promote(passed_version(model()), actor="staff:1")
    assert (live().increment, best_seller()) == ({}, "lamp")
    roll_back(actor="staff:1")

    assert (live().version, live().increment, best_seller()) == (first, {}, "lamp")
    run_increment()
    assert best_seller() == "rug"

    former = increments_of(live())
    promote(passed_version(model()), actor="staff:1")
    run_increment()
    assert (former.exists(), increments_of(live()).exists()) == (False, True), "those of versions that went are deleted"


def test_increment_is_dropped_if_another_version_is_live(monkeypatch: pytest.MonkeyPatch) -> None:
    sell("rug")
    other = passed_version(model())
    was = live()

    def meanwhile(**kwargs: Any) -> Any:
        promote(other, actor="staff:1")
        return build(history(), items())

    monkeypatch.setattr(increments, "shop_dataset", meanwhile)

    assert run_increment() == f"Another version went live while {was.version} learnt: nothing was changed."
    assert entries(action="model.incremented") == []
    assert (live().version, live().increment) == (other, {})
    assert list(increments_of(was).iterdir()) == []


def test_unreadable_increment_is_retried(monkeypatch: pytest.MonkeyPatch) -> None:
    sell("rug")
    run_increment()
    assert best_seller() == "rug"
    sell("throw", to=120, day=3)
    run_increment(forced=True)
    load = HybridModel.load

    def broken(*args: Any, **kwargs: Any) -> HybridModel:
        raise OSError("too many open files")

    monkeypatch.setattr(HybridModel, "load", broken)
    assert best_seller() == "rug", "the tables of before are nearer than those of the training"
    monkeypatch.setattr(HybridModel, "load", load)
    assert best_seller() == "rug", "for a while it is not tried again"
    snapshot_refresher._versions._unreadable_until.clear()

    assert best_seller() == "throw"


def test_altered_increment_falls_back_to_the_version(caplog: pytest.LogCaptureFixture) -> None:
    sell("rug")
    run_increment()
    increment = increment_of(live())
    assert increment is not None
    (increment.directory / "statistics.npz").write_bytes(b"something else")

    snapshot_refresher.forget()

    assert best_seller() == "lamp"
    assert "model.increment_refused" in caplog.text
    assert "statistics.npz was altered" in caplog.text


def test_altered_version_gets_no_increment(tmp_path: Path) -> None:
    sell("rug")

    for file in ("statistics.npz", "manifest.json"):
        (tmp_path / live().directory / file).write_bytes(b"something else")
        with pytest.raises(Conflict, match="cannot learn more"):
            run_increment(forced=True)


def test_unwritable_increment_leaves_no_files(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(bundle: HybridModel, directory: Path) -> str:
        directory.mkdir(parents=True)
        raise OSError(errno.ENOSPC, "No space left on device")

    sell("rug")
    monkeypatch.setattr(HybridModel, "save", full)

    with pytest.raises(CommandError, match=r"No model can be written to .* \(No space left on device\): make room"):
        call_command("increment")
    tasks.increment()
    assert list(increments_of(live()).iterdir()) == []
    assert best_seller() == "lamp"


def test_lost_database_fails_one_increment_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def lost(**kwargs: Any) -> Any:
        connection.connection.close()
        raise OperationalError("the server closed the connection")

    sell("rug")
    with monkeypatch.context() as patch:
        patch.setattr(increments, "shop_dataset", lost)
        with pytest.raises(OperationalError, match="the server closed"):
            run_increment()
    connection.close()

    assert "has learnt from 60" in run_increment()


def test_broken_data_raise_one_alarm(settings: Any) -> None:
    sell("rug")
    run_increment()
    ModelVersion.objects.update(report={"data_profile": {"rows": 10_000}})
    data_scientist = get_user_model().objects.create_superuser("eve", email="eve@shop.example")

    for _ in range(2):
        with pytest.raises(CommandError, match=r"volume.*Nothing was learnt"):
            call_command("increment")
        settle(ModelAlarm.objects.get().pk, by=data_scientist)

    assert ModelAlarm.objects.get().times == 1, "settled, it stays so while nothing else is wrong"
    assert live().increment["refused"] == ["volume"]
    assert best_seller() == "rug"

    ModelVersion.objects.update(report={})
    run_increment(forced=True)
    assert "refused" not in live().increment


def test_failed_attempt_is_followed_by_a_pause() -> None:
    sell("rug")
    ModelVersion.objects.update(report={"data_profile": {"rows": 10_000}})
    with pytest.raises(Conflict):
        run_increment()

    ModelVersion.objects.update(increment={**live().increment, "seconds": 30.0})

    assert "no other one before" in run_increment()


def test_refused_consent_is_respected_by_the_next_increment() -> None:
    sell("rug")
    sell("throw", to=40, day=1)
    run_increment()
    assert best_seller() == "rug"

    put([refusal(shopper) for shopper in range(30)])
    run_increment(forced=True)

    assert live().increment["interactions"] == 40
    assert live().increment["shoppers"] == 30


def refusal(shopper: int) -> Event:
    at = START + 9 * 86_400_000_000
    return Event(
        message_id=f"no-{shopper}",
        kind="track",
        name="Consent Updated",
        at=at,
        received_at=at,
        user_id=f"u{shopper}",
        consents={"train_models": False},
        allowed=("analytics",),
        source="test",
    )


def test_no_increment_without_permitted_events() -> None:
    with pytest.raises(Conflict, match="no event that may be used for training"):
        run_increment()


def test_no_increment_during_a_training() -> None:
    sell("rug")
    TrainingRun.objects.create(actor="staff:1", state=RunState.RUNNING, heartbeat_at=clock.now())

    assert run_increment(forced=True).startswith("A training is running")


def test_no_concurrent_increments() -> None:
    sell("rug")
    other = connection.copy()
    try:
        with other.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(%s)", [increments.LOCK])
        assert run_increment(forced=True) == "Another increment is being made."
    finally:
        other.close()  # as where its process dies; the database notices it in a moment of its own

    message, end = "Another increment is being made.", time.monotonic() + 20
    while message == "Another increment is being made." and time.monotonic() < end:
        message = run_increment()
    assert "has learnt" in message


def test_no_increment_without_a_model() -> None:
    ModelVersion.objects.update(state=ModelState.RETIRED)
    out = StringIO()

    call_command("increment", stdout=out)

    assert "No model is live yet" in out.getvalue()


@pytest.mark.parametrize(("minutes", "is_made"), [(5, True), (0, False)])
def test_schedule_can_be_switched_off(minutes: int, is_made: bool, settings: Any) -> None:
    sell("rug")
    settings.INCREMENT_MINUTES = minutes

    tasks.increment()

    assert bool(live().increment) is is_made


def test_increment_message_expires_after_the_interval(settings: Any) -> None:
    entry = ModelEntry.from_entry("increments", app=current_app, **settings.CELERY_BEAT_SCHEDULE["increments"])

    assert entry.model.task == "modelops.increment"
    assert entry.model.expire_seconds == 300
    assert (entry.model.interval.every, entry.model.interval.period) == (300, "seconds")


def test_increment_with_another_hash_is_not_served(caplog: pytest.LogCaptureFixture) -> None:
    sell("rug")
    run_increment()
    ModelVersion.objects.update(increment={**live().increment, "artifact_hash": "0" * 64})

    snapshot_refresher.forget()

    assert best_seller() == "lamp"
    assert "not the registered one" in caplog.text

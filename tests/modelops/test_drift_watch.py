"""The nightly watch compares the last day with the training data of the live model."""

from collections.abc import Iterable
from datetime import timedelta
from itertools import count
from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace

from common import clock
from common.ids import uuid7
from config.celery import app
from events.types.base import Event
from modelops.models import ModelAlarm, ModelDrift, ModelVersion
from modelops.services.registry import promote
from modelops.tasks import watch_drift_task
from recsys.data.drift import day_histograms, popularity, popularity_bins
from recsys.ranking import artifact
from recsys.sources import storage
from tests.modelops.purchases import bought, put
from tests.modelops.releases import passed_version
from tests.recsys.furniture import TASTES, history, model

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("stocked_shop")]
USUAL = [product_id for taste in TASTES for product_id in taste] * 20
NUMBERS = count(1)


@pytest.fixture
def live() -> ModelVersion:
    """A live model, and a usual day of its shop."""
    bundle = model(("popular",))
    codes = {name: code for code, name in enumerate(bundle.catalog.item_ids)}
    items = np.array([codes[name] for name in USUAL], np.int32)
    sold = history()["item_id"].map(codes).to_numpy(np.int32)
    bins = popularity_bins(popularity(sold, np.zeros(len(sold)), np.ones(len(sold), np.float32), len(codes)))
    n = len(items)
    day = day_histograms(np.full(n, 10), np.arange(n) // 2, np.zeros(n), bins[items])
    report = {"data_profile": {"day": day}}
    return promote(passed_version(bundle, report=report), actor="staff:1")


def shop_sells(product_ids: Iterable[str], *, to: int = 120) -> None:
    """Write purchases of these products within the last hours."""
    now = clock.epoch_us()
    put([bought(f"m{next(NUMBERS)}", at % to, one, now - at * 60_000_000) for at, one in enumerate(product_ids, 1)])


def shop_showed(product_ids: Iterable[str], *, days_ago: float, to: int = 240) -> None:
    """Write answers with these products, one per list, to that many shoppers."""
    at = clock.epoch_us() - int(days_ago * 86_400e6)
    put(
        [
            Event(
                message_id=f"m{next(NUMBERS)}",
                kind="track",
                name="Recommendation Served",
                at=at,
                received_at=at,
                user_id=f"u{number % to}",
                properties={"recommendation_id": str(uuid7()), "products": [{"product_id": one}]},
                allowed=("analytics",),
                source="server",
            )
            for number, one in enumerate(product_ids)
        ]
    )


def test_usual_day_is_stored_without_alarm(live: ModelVersion) -> None:
    shop_sells(USUAL)

    watch_drift_task()

    (night,) = ModelDrift.objects.all()
    assert (night.model_version, night.rows) == (live, len(USUAL))
    names = ["drift of signals", "drift of activity", "drift of popularity", "served: shoppers", "served: days before"]
    assert [check["name"] for check in night.checks] == names
    assert not ModelAlarm.objects.exists()


def test_drift_raises_alarm_and_usual_day_settles_it(live: ModelVersion, monkeypatch: pytest.MonkeyPatch) -> None:
    shop_sells(["mug-of-the-year"] * 240, to=1)

    watch_drift_task()

    (alarm,) = ModelAlarm.objects.all()
    assert alarm.model_version == live
    assert "drift of activity" in alarm.message
    assert "drift of popularity" in alarm.message

    later = clock.now() + timedelta(days=2)
    monkeypatch.setattr(clock, "now", lambda: later)
    monkeypatch.setattr(clock, "epoch_us", lambda: int(later.timestamp() * 1e6))
    shop_sells(USUAL)
    watch_drift_task()

    alarm.refresh_from_db()
    assert alarm.settled_at == later


def test_bots_do_not_count_as_traffic(live: ModelVersion) -> None:
    now = clock.epoch_us()
    crawl = [bought(f"m{next(NUMBERS)}", 1, one, now - 60_000_000) for one in ["mug-of-the-year"] * 240]
    put([replace(one, context={"device": {"type": "bot"}}) for one in crawl])

    watch_drift_task()

    assert not ModelDrift.objects.exists()


def test_silent_feed_raises_alarm_until_it_is_back(live: ModelVersion, monkeypatch: pytest.MonkeyPatch) -> None:
    now = clock.epoch_us()
    put([
        bought(f"m{next(NUMBERS)}", shopper, USUAL[shopper], now - (24 * days + 1) * 3_600_000_000)
        for days in range(1, 11)
        for shopper in range(25)
    ])  # fmt: skip

    watch_drift_task()

    (alarm,) = ModelAlarm.objects.all()
    silent = "0, bar 0.2 (0 shoppers in the last day, 25 on the usual one of two weeks: are these events sent?)"
    assert alarm.message == f"feed of all signals: {silent}; feed of purchase: {silent}"

    later = clock.now() + timedelta(days=1)
    monkeypatch.setattr(clock, "now", lambda: later)
    monkeypatch.setattr(clock, "epoch_us", lambda: int(later.timestamp() * 1e6))
    shop_sells(USUAL[:25])
    watch_drift_task()

    alarm.refresh_from_db()
    assert alarm.settled_at == later


def test_shown_products_are_watched(live: ModelVersion) -> None:
    shop_showed(USUAL * 2, days_ago=3)
    shop_showed(["mug-of-the-year"] * 240, days_ago=0.5)

    watch_drift_task()

    (alarm,) = ModelAlarm.objects.all()
    assert alarm.message.startswith("drift of what is shown")


def test_few_shoppers_cause_no_drift_alarm(live: ModelVersion) -> None:
    shop_showed(USUAL * 2, days_ago=3)
    shop_showed(["mug-of-the-year"] * 240, days_ago=0.5, to=20)

    watch_drift_task()

    assert not ModelAlarm.objects.exists()


def test_no_checks_without_traffic_or_readable_model(live: ModelVersion, tmp_path: Path) -> None:
    watch_drift_task()
    file = next((tmp_path / live.directory).rglob("*.npz"))
    file.write_bytes(file.read_bytes() + b"x")
    shop_sells(["mug-of-the-year"] * 240, to=1)
    watch_drift_task()
    ModelVersion.objects.update(state="retired")
    watch_drift_task()

    assert not ModelDrift.objects.exists()


def test_version_of_another_release_is_logged_and_skipped(
    live: ModelVersion, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    directory = tmp_path / live.directory
    facts = storage.read_arrays(directory / "statistics.npz")
    storage.write_arrays(directory / "statistics.npz", {**facts, "depth": np.zeros(1)})
    ModelVersion.objects.update(artifact_hash=artifact.seal(directory, storage.read_json(directory / "manifest.json")))
    shop_sells(USUAL)

    watch_drift_task()

    assert "this code does not know: depth" in caplog.text
    assert not ModelDrift.objects.exists()


def test_watch_is_scheduled_before_the_training() -> None:
    schedule = {entry["task"]: entry["schedule"] for entry in app.conf.beat_schedule.values()}

    assert (schedule["modelops.watch_drift"].hour, schedule["modelops.train"].hour) == ({2}, {3})

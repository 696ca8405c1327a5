"""The roll-back target is loaded in advance: in a large shop, loading takes too long."""

import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import OperationalError
from prometheus_client import REGISTRY

from catalog.services import put_product
from common import clock
from modelops.live import champion
from modelops.models import ModelVersion
from modelops.services.increments import run_increment
from modelops.services.registry import promote, roll_back
from personalization.serving import versions
from personalization.serving.snapshot_refresher import SnapshotRefresher
from personalization.serving.versions import RETRY_SECONDS, Versions
from recsys.ranking.model import Bundle
from tests.events.builders import START
from tests.modelops.purchases import bought, put
from tests.modelops.releases import passed_version
from tests.recsys.furniture import model

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("live_model")]


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return a list with one entry per artifact that serving loads."""
    folders: list[str] = []

    def load(directory: Any, **kwargs: Any) -> Bundle:
        folders.append(directory.name)
        return Bundle.load(directory, **kwargs)

    monkeypatch.setattr(versions, "Bundle", SimpleNamespace(load=load))
    return folders


def following() -> Versions:
    """Return the versions of a process that serves the live version, without a loaded target."""
    own = Versions()
    assert own.follow()
    return own


def released(*sources: str) -> str:
    version = passed_version(model(sources))
    promote(version, actor="staff:1")
    return version


def test_roll_back_and_forth_reads_no_files(read: list[str]) -> None:
    own = following()
    first = own.current
    second = released("popular", "trending")
    own.follow()
    read.clear()

    for _ in range(3):
        roll_back(actor="staff:1")
        assert own.follow()
        own.stand_by()

    assert read == []
    assert own.current is not None
    assert first is not None
    assert (own.current[1] is first[1], own.current[0].version != second) == (True, True)


def test_new_process_loads_the_target_in_advance(read: list[str]) -> None:
    first = ModelVersion.objects.get().version
    second = released("popular", "trending")
    own = following()
    assert read == [second]

    own.stand_by()
    own.stand_by()
    assert read == [second, first]

    roll_back(actor="staff:1")
    assert own.follow()
    assert (own.current is not None and own.current[0].version, read) == (first, [second, first])


def test_target_is_loaded_without_increments(read: list[str]) -> None:
    first = ModelVersion.objects.get()
    put([bought(f"o{one}", one, "rug", START + one * 1_000_000) for one in range(20)])
    run_increment(forced=True)
    own = following()
    second = released("popular", "trending")
    own.follow()
    own.stand_by()
    assert read[1:] == [second, first.directory]

    roll_back(actor="staff:1")
    own.follow()
    assert own.current is not None
    assert (own.current[0].increment, len(read)) == (None, 3)


def test_increment_keeps_the_loaded_target(read: list[str]) -> None:
    first = ModelVersion.objects.get().version
    own = following()
    released("popular", "trending")
    own.follow()
    own.stand_by()
    read.clear()

    for order in "op":
        put([bought(f"{order}{one}", one, "rug", START + one * 1_000_000) for one in range(20)])
        run_increment(forced=True)
        assert own.follow()
        own.stand_by()
    assert len(read) == 2
    assert first not in read

    roll_back(actor="staff:1")
    assert own.follow()
    assert (own.current is not None and own.current[0].version, len(read)) == (first, 2)


def test_served_version_is_not_reloaded_after_a_refusal(read: list[str], settings: Any) -> None:
    own = following()
    first, second = own.current, released("popular", "trending")
    next((Path(settings.MODEL_DIR) / second).rglob("*.npz")).unlink()

    assert not own.follow()
    own.stand_by()

    assert own.current == first
    assert str(own.refusal).startswith(f"{second} is not served here")
    assert read.count(ModelVersion.objects.get(state="retired").version) == 1


def test_roll_back_and_forth_between_polls(read: list[str]) -> None:
    own = following()
    second = released("popular", "trending")
    own.follow()
    own.stand_by()
    roll_back(actor="staff:1")
    own.follow()
    roll_back(actor="staff:1")
    read.clear()

    own.stand_by()  # another is live by now than what is served
    assert own.follow()

    assert (own.current is not None and own.current[0].version, read) == (second, [])


def test_no_target_without_a_previous_version(read: list[str]) -> None:
    own = following()

    own.stand_by()

    assert len(read) == 1
    Versions().stand_by()


def test_expired_waiver_changes_the_target(read: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    first = ModelVersion.objects.get().version
    second = released("popular", "trending")
    third = released("popular", "rp3beta")
    own = following()
    own.stand_by()
    assert read == [third, second]

    ModelVersion.objects.filter(version=second).update(pruned_at=clock.now() - timedelta(days=1))
    own.stand_by()
    assert read == [third, second], "not looked up at every turn"
    later = time.monotonic() + RETRY_SECONDS
    monkeypatch.setattr(versions, "time", SimpleNamespace(monotonic=lambda: later))
    own.stand_by()
    assert read == [third, second, first]


@pytest.mark.parametrize("error", [OperationalError("the database is down"), OSError("too many open files")])
def test_unreadable_target_is_loaded_on_roll_back(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    first = ModelVersion.objects.get().version
    released("popular", "trending")
    own = following()

    def failing() -> None:
        raise error

    monkeypatch.setattr(versions, "roll_back_target", failing)

    def not_ready_count() -> float:
        return REGISTRY.get_sample_value("vitrine_snapshot_reloads_total", {"part": "not_ready"}) or 0.0

    before = not_ready_count()
    own.stand_by()
    assert f"model.not_ready error={error}" in caplog.text
    assert not_ready_count() == before + 1

    roll_back(actor="staff:1")
    own.follow()
    assert own.current is not None
    assert own.current[0].version == first


def test_target_is_loaded_after_each_refresh(monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[str] = []
    monkeypatch.setattr(SnapshotRefresher, "refresh", lambda _: steps.append("refresh"))
    monkeypatch.setattr(SnapshotRefresher, "_stand_by", lambda _: steps.append("stand by"))
    own = SnapshotRefresher()
    monkeypatch.setattr(own, "_wake", SimpleNamespace(wait=lambda _: steps.append("wait"), clear=lambda: 1 / 0))

    with pytest.raises(ZeroDivisionError):
        own._run()

    assert steps == ["refresh", "stand by", "wait"]


class Slowly:
    """Loads of the target in another thread: `started` is set at the start, and the load waits for `may`."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        first = champion()
        self.read: list[str] = []
        self.started, self.may = threading.Event(), threading.Event()
        released("popular", "trending")
        monkeypatch.setattr(versions, "roll_back_target", lambda: first)  # a test's rows are one connection's
        self.snapshot_refresher = SnapshotRefresher()
        self.snapshot_refresher.refresh()
        monkeypatch.setattr(versions, "Bundle", SimpleNamespace(load=self.load))
        self.snapshot_refresher._stand_by()
        assert self.started.wait(60)

    def load(self, directory: Any, **kwargs: Any) -> Bundle:
        self.read.append(directory.name)
        self.started.set()
        assert self.may.wait(60)
        return Bundle.load(directory, **kwargs)

    def finish(self) -> None:
        self.may.set()
        assert self.snapshot_refresher._standing_by is not None
        self.snapshot_refresher._standing_by.join(60)


@pytest.fixture
def slowly(monkeypatch: pytest.MonkeyPatch) -> Iterator[Slowly]:
    reading = Slowly(monkeypatch)
    yield reading
    reading.finish()


def test_rules_and_prices_do_not_wait_for_the_target(slowly: Slowly) -> None:
    put_product("stool", data={"title": "Oak stool", "price": "20.00", "currency": "EUR"}, actor="key:test")

    slowly.snapshot_refresher.refresh(force=True)
    slowly.snapshot_refresher._stand_by()

    assert not slowly.may.is_set()
    assert "stool" in {row.product_id for row in slowly.snapshot_refresher.current().serving_catalog.rows if row}
    slowly.finish()
    assert len(slowly.read) == 1


def test_roll_back_waits_for_a_running_load(slowly: Slowly) -> None:
    first = ModelVersion.objects.get(state="retired").version
    roll_back(actor="staff:1")
    threading.Timer(0.2, slowly.may.set).start()

    slowly.snapshot_refresher.refresh(force=True)

    assert (slowly.snapshot_refresher.current().model_version, slowly.read) == (first, [first])


def test_no_thread_without_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    own = SnapshotRefresher()
    own._stand_by()
    assert own._standing_by is None, "nothing is served yet"

    own.refresh()
    own._versions.stand_by()
    own._stand_by()
    assert own._standing_by is None

"""What a roll-back leads to is loaded before anybody decides: in a large shop that takes longer than it may."""

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
from personalization.serving.snapshot_refresher import Keeper
from personalization.serving.versions import RETRY_SECONDS, Versions
from recsys.ranking.model import HybridModel
from tests.events.builders import START
from tests.modelops.purchases import bought, put
from tests.modelops.releases import admitted
from tests.recsys.furniture import model

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("trained")]


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return a list that grows with every artefact that is read by a process that serves."""
    folders: list[str] = []

    def load(directory: Any, **named: Any) -> HybridModel:
        folders.append(directory.name)
        return HybridModel.load(directory, **named)

    monkeypatch.setattr(versions, "HybridModel", SimpleNamespace(load=load))
    return folders


def following() -> Versions:
    """Return what a process holds that serves the live version, and nothing ready yet."""
    own = Versions()
    assert own.follow()
    return own


def released(*sources: str) -> str:
    version = admitted(model(sources))
    promote(version, actor="staff:1")
    return version


def test_there_and_back_again_nothing_is_read(read: list[str]) -> None:
    own = following()
    first = own.served
    second = released("popular", "trending")
    own.follow()
    read.clear()

    for _ in range(3):
        roll_back(actor="staff:1")
        assert own.follow()
        own.stand_by()

    assert read == []
    assert own.served is not None
    assert first is not None
    assert (own.served[1] is first[1], own.served[0].version != second) == (True, True)


def test_a_process_that_began_later_reads_it_while_nobody_waits(read: list[str]) -> None:
    first = ModelVersion.objects.get().version
    second = released("popular", "trending")
    own = following()
    assert read == [second]

    own.stand_by()
    own.stand_by()
    assert read == [second, first]

    roll_back(actor="staff:1")
    assert own.follow()
    assert (own.served is not None and own.served[0].version, read) == (first, [second, first])


def test_it_is_what_was_registered_whatever_was_learnt_since(read: list[str]) -> None:
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
    assert own.served is not None
    assert (own.served[0].increment, len(read)) == (None, 3)


def test_what_is_learnt_since_takes_the_place_of_nothing_that_is_ready(read: list[str]) -> None:
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
    assert (own.served is not None and own.served[0].version, len(read)) == (first, 2)


def test_what_is_served_is_not_read_once_more_where_the_live_version_is_refused(read: list[str], settings: Any) -> None:
    own = following()
    first, second = own.served, released("popular", "trending")
    next((Path(settings.MODEL_DIR) / second).rglob("*.npz")).unlink()

    assert not own.follow()
    own.stand_by()

    assert own.served == first
    assert str(own.refused).startswith(f"{second} is not served here")
    assert read.count(ModelVersion.objects.get(state="retired").version) == 1


def test_who_goes_there_and_back_between_two_looks_waits_for_nothing(read: list[str]) -> None:
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

    assert (own.served is not None and own.served[0].version, read) == (second, [])


def test_nothing_is_ready_where_nothing_was_live_before(read: list[str]) -> None:
    own = following()

    own.stand_by()

    assert len(read) == 1
    Versions().stand_by()


def test_where_a_waiver_runs_out_another_is_made_ready(read: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
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
def test_what_cannot_be_made_ready_is_read_when_it_is_needed(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    first = ModelVersion.objects.get().version
    released("popular", "trending")
    own = following()

    def failing() -> None:
        raise error

    monkeypatch.setattr(versions, "roll_back_target", failing)

    def counted() -> float:
        return REGISTRY.get_sample_value("vitrine_snapshot_reloads_total", {"part": "not_ready"}) or 0.0

    before = counted()
    own.stand_by()
    assert f"model.not_ready error={error}" in caplog.text
    assert counted() == before + 1

    roll_back(actor="staff:1")
    own.follow()
    assert own.served is not None
    assert own.served[0].version == first


def test_a_process_makes_it_ready_after_each_look(monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[str] = []
    monkeypatch.setattr(Keeper, "refresh", lambda _: steps.append("refresh"))
    monkeypatch.setattr(Keeper, "_stand_by", lambda _: steps.append("stand by"))
    own = Keeper()
    monkeypatch.setattr(own, "_wake", SimpleNamespace(wait=lambda _: steps.append("wait"), clear=lambda: 1 / 0))

    with pytest.raises(ZeroDivisionError):
        own._run()

    assert steps == ["refresh", "stand by", "wait"]


class Slowly:
    """Versions that another thread makes ready: it is `begun` with reading, and reads until it `may` end."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        first = champion()
        self.read: list[str] = []
        self.begun, self.may = threading.Event(), threading.Event()
        released("popular", "trending")
        monkeypatch.setattr(versions, "roll_back_target", lambda: first)  # a test's rows are one connection's
        self.keeper = Keeper()
        self.keeper.refresh()
        monkeypatch.setattr(versions, "HybridModel", SimpleNamespace(load=self.load))
        self.keeper._stand_by()
        assert self.begun.wait(60)

    def load(self, directory: Any, **named: Any) -> HybridModel:
        self.read.append(directory.name)
        self.begun.set()
        assert self.may.wait(60)
        return HybridModel.load(directory, **named)

    def ended(self) -> None:
        self.may.set()
        assert self.keeper._standing_by is not None
        self.keeper._standing_by.join(60)


@pytest.fixture
def slowly(monkeypatch: pytest.MonkeyPatch) -> Iterator[Slowly]:
    reading = Slowly(monkeypatch)
    yield reading
    reading.ended()


def test_rules_and_prices_do_not_wait_while_it_is_read(slowly: Slowly) -> None:
    put_product("stool", data={"title": "Oak stool", "price": "20.00", "currency": "EUR"}, actor="key:test")

    slowly.keeper.refresh(force=True)
    slowly.keeper._stand_by()

    assert not slowly.may.is_set()
    assert "stool" in {row.product_id for row in slowly.keeper.current().shelf.rows if row}
    slowly.ended()
    assert len(slowly.read) == 1


def test_a_roll_back_waits_for_what_is_being_read_instead_of_reading_it_again(slowly: Slowly) -> None:
    first = ModelVersion.objects.get(state="retired").version
    roll_back(actor="staff:1")
    threading.Timer(0.2, slowly.may.set).start()

    slowly.keeper.refresh(force=True)

    assert (slowly.keeper.current().model_version, slowly.read) == (first, [first])


def test_what_is_settled_starts_no_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    own = Keeper()
    own._stand_by()
    assert own._standing_by is None, "nothing is served yet"

    own.refresh()
    own._versions.stand_by()
    own._stand_by()
    assert own._standing_by is None

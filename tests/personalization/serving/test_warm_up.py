"""A process answers with its model before the first shopper waits for it: each strategy and placement, unseen."""

from typing import Any

import pytest
from pytest_django import Settings

from modelops.services.registry import promote
from personalization.selectors.placements import STRATEGIES
from personalization.serving import snapshot_refresher as refreshing
from personalization.serving import warm_up as warming
from personalization.serving.asking import Ask
from personalization.serving.engine import prepare_answer
from personalization.serving.exposures import exposures
from personalization.serving.snapshot import Snapshot
from personalization.serving.snapshot_refresher import SnapshotRefresher, snapshot_refresher
from tests.modelops.releases import passed_version
from tests.recsys.furniture import model

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("live_model")]


def test_each_placement_and_strategy_is_answered_for_a_shopper_with_a_history(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asks: list[tuple[str, str | None, bool]] = []

    def noted(snapshot: Snapshot, ask: Ask, *, shopper: Any, **others: Any) -> Any:
        asks.append((ask.placement, ask.strategy, shopper.personal))
        return prepare_answer(snapshot, ask, shopper=shopper, **others)

    monkeypatch.setattr(warming, "prepare_answer", noted)
    snapshot = snapshot_refresher.current()

    count = warming.warm_up(snapshot)

    first = next(iter(snapshot.placements))
    every = [*((key, None) for key in snapshot.placements), *((first, one) for one in STRATEGIES)]
    assert [(key, strategy) for key, strategy, _ in asks] == every
    assert all(personal for _, _, personal in asks)
    assert count == len(every)
    assert exposures.flush() == 0


def test_a_model_that_goes_live_is_warm_before_it_is_served(
    monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    settings.SERVING_REFRESH = "thread"
    one, warm = SnapshotRefresher(), list[tuple[str | None, str | None]]()

    def note(snapshot: Snapshot) -> int:
        warm.append((snapshot.model_version, None if one.latest is None else one.latest.model_version))
        return 0

    monkeypatch.setattr(warming, "warm_up", note)
    monkeypatch.setattr(refreshing, "freeze_garbage_collection", lambda: None)
    one.refresh(force=True)
    first = one.latest
    second = passed_version(model())
    promote(second, actor="staff:1")

    one.refresh(force=True)
    one.refresh(force=True)

    assert first is not None
    assert warm == [(first.model_version, None), (second, first.model_version)]
    assert one.latest is not None
    assert one.latest.model_version == second


def test_a_worker_waits_for_the_first_look_of_the_thread() -> None:
    one = SnapshotRefresher()

    before = one.wait_for_first_look(seconds=0)
    one._first_look.set()

    assert (before, one.wait_for_first_look(seconds=0)) == (False, True)

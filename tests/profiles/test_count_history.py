"""The live counts of each earlier moment can be read again."""

from datetime import timedelta
from typing import Any

import pytest

from common import clock, redis
from personalization.serving.live_counts import LiveCounts
from profiles import keys, services
from profiles.models import CountHistory
from profiles.selectors.count_history import PastCounts
from profiles.services import count_history
from profiles.services.count_history import CountKeeper, forget_counts
from tests.events.builders import ALLOWED
from tests.personalization.shop import event_of

pytestmark = pytest.mark.django_db


def view(user: str, *product_ids: str) -> None:
    services.apply_events([event_of({"user_id": user}, one, allowed=ALLOWED) for one in product_ids], offsets={})


def followed(counts: LiveCounts) -> tuple[str, dict[Any, int]]:
    """Return the position and the counts that a serving process follows now."""
    counts.poll()
    return counts.position, dict(counts._counts)


def test_the_counts_of_each_moment_come_back() -> None:
    keeper, follower, moments = CountKeeper(), LiveCounts(), []
    for number in range(6):
        view(f"u{number}", "rug", "lamp", "Ünïcode")
        moments.append(followed(follower))
        if number % 2:
            keeper.copy()
    services.forget(["user:u1", "user:u2"])
    moments.append(followed(follower))
    keeper.copy()

    assert len({position for position, _ in moments}) == 7
    assert PastCounts().at(moments[0][0]) is None  # before the history begins
    reader = PastCounts()
    for position, counts in (*moments[1:], moments[2], moments[6], moments[1]):
        known = reader.at(position)
        assert known is not None
        assert {one: n for one, n in known.items() if n} == counts


def test_a_gap_is_no_history() -> None:
    keeper, follower = CountKeeper(), LiveCounts()
    view("ada", "rug")
    keeper.copy()
    view("bo", "rug")
    keeper.copy()
    view("cy", "lamp")
    keeper.copy()
    position, _ = followed(follower)
    assert PastCounts().at(position) is not None

    CountHistory.objects.order_by("position")[1].delete()

    assert PastCounts().at(position) is None


def test_after_a_loss_of_redis_the_history_begins_anew() -> None:
    keeper = CountKeeper()
    view("ada", "rug")
    keeper.copy()
    redis.client().delete(keys.COUNT_CHANGES)
    view("bo", "lamp")

    keeper.copy()

    position, counts = followed(LiveCounts())
    assert PastCounts().at(position) == counts
    assert list(CountHistory.objects.values_list("after", flat=True)) == [0, 0]


def test_all_counts_are_written_again_after_some_hours(monkeypatch: pytest.MonkeyPatch) -> None:
    keeper = CountKeeper()
    for number in range(3):
        view(f"u{number}", "rug")
        keeper.copy()
    monkeypatch.setattr(count_history, "WHOLE_EVERY", timedelta(0))
    view("u9", "rug")

    keeper.copy()
    keeper.copy()

    rows = CountHistory.objects.order_by("position")
    assert [row.after == 0 for row in rows] == [True, False, False, True]
    assert forget_counts(clock.now()) == 3
    position, counts = followed(LiveCounts())
    assert PastCounts().at(position) == counts

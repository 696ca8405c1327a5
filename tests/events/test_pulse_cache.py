"""A pulse that took long to count is shown again; a quick one is counted anew."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
import redis

from common.redis import client
from events import pulse_cache
from events.activity import Pulse
from events.pulse_cache import KEY, latest_pulse

NOW = datetime(2026, 11, 24, tzinfo=UTC)


class Counting:
    """Counts as often as it is called, in so many seconds."""

    def __init__(self, seconds: float, clock: list[float]) -> None:
        self.seconds, self.clock, self.calls = seconds, clock, 0

    def __call__(self, *, now: datetime) -> Pulse:
        self.calls += 1
        self.clock[0] += self.seconds
        return Pulse(self.calls, ((date(2026, 11, 24), 3),), 1, 2, 4, 0, (("EUR", Decimal("80.50")),))


@pytest.fixture
def counting(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Counting:
    clock = [0.0]
    own = Counting(request.param, clock)
    monkeypatch.setattr(pulse_cache, "pulse", own)
    monkeypatch.setattr("events.pulse_cache.time.monotonic", lambda: clock[0])
    client().delete(KEY)
    return own


@pytest.mark.parametrize("counting", [0.5], indirect=True)
def test_a_long_count_is_shown_again_with_every_number(counting: Counting) -> None:
    first = latest_pulse(now=NOW)

    assert latest_pulse(now=NOW) == first
    assert counting.calls == 1
    assert 90_000 < client().pttl(KEY) <= 100_000


@pytest.mark.parametrize("counting", [0.05], indirect=True)
def test_a_quick_count_is_made_anew(counting: Counting) -> None:
    assert [latest_pulse(now=NOW).last_hour for _ in range(3)] == [1, 2, 3]


@pytest.mark.parametrize("counting", [0.5], indirect=True)
def test_without_redis_it_is_counted(counting: Counting, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*arguments: Any, **names: Any) -> Any:
        raise redis.ConnectionError

    monkeypatch.setattr(pulse_cache, "client", away)

    assert [latest_pulse(now=NOW).last_hour for _ in range(2)] == [1, 2]

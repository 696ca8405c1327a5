"""The estimate of how long an answer takes refuses what would be late, and always recovers by itself."""

import pytest

from personalization.services.recommend import recommend
from personalization.serving import engine
from personalization.serving.asking import Ask, Who
from personalization.serving.durations import PROBE_SECONDS, Durations
from personalization.serving.shoppers import shopper_cache
from tests.personalization.shop import ADA, inside, views


class Clock:
    """A clock that a test moves."""

    seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def after(clock: Clock, *milliseconds: float) -> Durations:
    """Return the durations of a process whose answers took so long."""
    durations = Durations(clock)
    for one in milliseconds:
        durations.note("hybrid", one)
    return durations


@pytest.mark.parametrize(
    ("milliseconds", "expected"),
    [((), 0), ((277,), 0), ((277, 5), 0), ((277, 5, 6), 6), ((300, 300, 300), 300), ((300, 300, 5, 5, 5, 300), 5)],
)
def test_the_estimate_is_the_median_of_a_few_new_durations(milliseconds: tuple[float, ...], expected: float) -> None:
    assert after(Clock(), *milliseconds).expected("hybrid") == expected


def test_a_slow_process_tries_one_answer_a_second_and_recovers_with_the_third() -> None:
    clock = Clock()
    durations = after(clock, *[900.0] * 5)

    refused = []
    for _ in range(512):
        clock.seconds += PROBE_SECONDS / 128
        refused.append(durations.is_late("hybrid", 150))
        if not refused[-1]:
            durations.note("hybrid", 5)

    assert refused.index(False) == 127
    assert refused[:384].count(False) == 3
    assert not any(refused[384:])


def test_who_has_no_time_left_is_late_even_as_a_probe() -> None:
    clock = Clock()
    durations = after(clock, *[900.0] * 5)
    clock.seconds += 10 * PROBE_SECONDS

    assert durations.is_late("hybrid", -1)
    assert durations.is_late("unknown", -1)
    assert not durations.is_late("unknown", 0)


@pytest.mark.django_db
@pytest.mark.usefixtures("live_model")
def test_after_a_first_answer_of_two_seconds_the_next_thousand_are_personalized(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    views(inside(ADA), "desk")
    durations = Durations()
    monkeypatch.setattr(engine, "durations", durations)
    note = durations.note
    injected = iter([2_000.0])
    monkeypatch.setattr(durations, "note", lambda strategy, taken: note(strategy, next(injected, taken)))
    ask = Ask(placement="home", who=Who(**inside(ADA)))

    def answers(count: int) -> list[tuple[bool, str | None]]:
        results = []
        for _ in range(count):
            shopper_cache.clear()
            results.append(recommend(ask, waited_ms=1.0))
        return [(one.personalized, one.degraded) for one in results]

    assert answers(1) == [(True, None)]
    assert answers(1_000).count((True, None)) >= 999

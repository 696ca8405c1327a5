"""The plant stands beside what the pages count: equal where they count right, far off where they do not."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from bench import simulated_experiments, simulated_lift
from demo import filling, simulated_runs
from demo.datasets import simulated
from demo.simulated_runs import (
    APPLIED,
    HELD_OUT,
    HYBRID,
    PLACEMENTS,
    POPULAR,
    WITH_PIN,
    Row,
    Run,
    comparisons,
    latest_run,
    note_run,
)
from demo.simulation.effects import Effects
from demo.simulation_report import comparison_line, truth_lines
from demo.simulator import Tally
from events.performance import Totals
from personalization.selectors.placements import active_placements
from personalization.selectors.rules import live_rules

DAY = date(2026, 12, 1)
EFFECTS = Effects(clicks=0.4, lift=0.25, pin_cost=0.5)
RATES = {HYBRID: 0.5, POPULAR: 0.4, WITH_PIN: 0.25}


@pytest.fixture(autouse=True)
def rule_page(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """Let the page of the rule count what was planted, where a test has no installation."""
    if request.node.get_closest_marker("slow") is None:
        totals = {APPLIED: Totals(answers=400, clicks=100), HELD_OUT: Totals(answers=400, clicks=200)}
        monkeypatch.setattr(simulated_runs, "rule_totals", lambda: totals)


@pytest.fixture
def shop(db: None) -> None:
    """A simulated shop."""
    data = simulated.load(now=datetime.now(UTC), currency="EUR", shoppers=10)
    filling.fill_catalog(data, lambda amount: None)
    filling.note_loaded(data)


def run_of(**clicks: int) -> Run:
    """Return a run of a thousand personalized answers at each placement, clicked exactly as planted."""
    tallies = {
        (key, True): Tally(
            answers=1000, impressions=10_000, measurable=1000, expected=1000 * rate, variance=900 * rate,
            clicks=clicks.get(key, round(1000 * rate)), carts=3, orders=2, revenue=Decimal("12.30"),
        )
        for key, rate in RATES.items()
    }  # fmt: skip
    keys = [*((key, True) for key in PLACEMENTS), APPLIED, HELD_OUT]
    return Run(DAY, DAY, EFFECTS, tallies, dict.fromkeys(keys, Totals()))


def page_of(run: Run, **clicks: int) -> dict[tuple[str, bool], Totals]:
    """Return pages that count what a run did, but for these clicks."""
    return {
        key: Totals(
            one.answers, one.impressions, clicks.get(key[0], one.clicks), one.carts, one.orders, one.revenue
        )
        for key, one in run.tallies.items()
    }  # fmt: skip


def test_a_run_is_recorded_and_read_again(db: None) -> None:
    run = run_of()

    note_run(run)

    assert latest_run() == run


def test_what_was_planted_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    run = run_of()
    monkeypatch.setattr(simulated_runs, "page_totals", lambda first, last: page_of(run))

    lift, pin, by_rule = comparisons(run)

    assert (lift.planted, lift.expected, lift.on_pages) == pytest.approx((0.25, 0.25, 0.25))
    assert (pin.planted, pin.expected, pin.on_pages) == pytest.approx((-0.5, -0.5, -0.5))
    assert (by_rule.planted, by_rule.on_pages) == pytest.approx((-0.5, -0.5))
    assert by_rule.error == pytest.approx(0.5 * (1 / 100 + 1 / 200) ** 0.5)
    # The error of a ratio: relative errors add up as squares.
    assert lift.error == pytest.approx(1.25 * (450 / 500**2 + 360 / 400**2) ** 0.5)
    assert "planted +25.0%, pages +25.0% ± 8.0%: 0.0 standard errors away" in comparison_line(lift)
    assert "do NOT" not in "\n".join(truth_lines(run))


def test_pages_that_count_wrong_are_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    run = run_of()
    monkeypatch.setattr(simulated_runs, "page_totals", lambda first, last: page_of(run, home=800))

    text = "\n".join(truth_lines(run))

    assert "The pages do NOT count what shoppers did." in text
    assert "TOO FAR" in text


def test_without_clicks_nothing_is_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    run = run_of(home=0)
    monkeypatch.setattr(simulated_runs, "page_totals", lambda first, last: page_of(run))

    assert all(line for line in truth_lines(run) if "planted" in line)


def test_what_the_pages_counted_before_is_taken_off() -> None:
    tally = Tally(answers=10, impressions=100, measurable=8, expected=4.0, variance=3.0, clicks=5)
    row = Row(HYBRID, True, tally, Totals(answers=10, impressions=100, clicks=5))

    assert row.agrees
    assert (row.rate, row.expected_rate, row.error) == pytest.approx((0.5, 0.4, 3**0.5 / 10))


def test_placements_and_the_pin_are_made_once(shop: None) -> None:
    first, second = simulated_runs.prepare(), simulated_runs.prepare()

    assert (first, second) == (True, False)
    placements = active_placements()
    assert placements[POPULAR].strategy == "popular"
    assert {placements[key].size for key in PLACEMENTS} == {placements[HYBRID].size}
    (rule,) = live_rules()
    assert (rule.placements, rule.position) == ((WITH_PIN,), 1) or (set(rule.placements), rule.position) == (
        {WITH_PIN},
        1,
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"visits": 0}, "--visits: expected a number from 1"),
        ({"minutes": float("nan")}, "--minutes: expected"),
        ({"lift": 5}, "--lift: expected"),
        ({"speed": 1, "url": "http://localhost:1"}, "cannot be set from here"),
        ({"speed": 1}, "keeps the real time"),
        ({"url": "localhost"}, "is no address"),
        ({"url": "http://127.0.0.1:9"}, "/api/v1/recommendations/home: ConnectionRefusedError"),
        ({}, "`make demo` loads it"),
    ],
)
def test_a_run_that_cannot_be_says_why(db: None, options: dict[str, Any], message: str) -> None:
    with pytest.raises(CommandError, match=message):
        call_command("simulate", **options)


def test_before_the_first_run_there_is_no_truth(db: None) -> None:
    with pytest.raises(CommandError, match="run `make simulate`"):
        call_command("simulated_truth")


@pytest.mark.slow
def test_the_pages_and_experiments_of_an_installation_show_the_plant(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAST_CLOCK", "1")
    with simulated_lift.installation(shoppers=simulated_lift.QUICK_SHOPPERS) as it:
        figures = simulated_lift.measure(
            it, minutes=0.3, visits=900, speed=4, seed=1, shoppers=simulated_lift.QUICK_SHOPPERS
        )
        by_arm = simulated_experiments.measure(it, seed=1, **simulated_experiments.QUICK)

    assert simulated_lift.faults(figures) == []
    assert figures["before"] == figures["after"]
    assert {row["placement"] for row in figures["before"]["rows"]} == set(PLACEMENTS)
    first, last = (date.fromisoformat(figures["screen"][2].split()[at].rstrip(".")) for at in (1, 3))
    assert (last - first).days in (1, 2)
    assert simulated_experiments.faults(by_arm) == []
    assert sum(by_arm["before"]["pin-that-costs"]["units"].values()) > 30

"""Looks: when one is taken, what it decides, and that it is never rewritten."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from common import clock
from common.errors import NotFound
from experiments.metrics.registry import ORDERED
from experiments.models import Experiment, Look
from experiments.results import ArmComparison
from experiments.selectors.metrics import variables_of
from experiments.selectors.results import results_of
from experiments.services import looks
from experiments.services.designs import create_experiment
from experiments.services.lifecycle import start, stop
from experiments.services.looks import take_look, take_looks
from tests.experiments.results_rows import cell, write_cells

pytestmark = pytest.mark.django_db
MO = "staff:mo"


@pytest.fixture(autouse=True)
def course() -> Iterator[None]:
    """Tests move the clock; afterwards it is the real one."""
    yield
    clock.follow(None)


def running(**data: object) -> Experiment:
    create_experiment("button", data={"goal_metric": "conversion_rate", **data}, actor=MO)
    start("button", actor=MO)
    return Experiment.objects.get(key="button")


def counted(row: Experiment, n: int, control: float, treatment: float) -> None:
    """Write `n` units of each arm with these shares of buyers."""
    variables = variables_of(row)
    arms = (("control", control), ("treatment", treatment))
    write_cells(row, tuple(cell(arm, n, {ORDERED: round(n * share)}, variables) for arm, share in arms))


def later(hours: float) -> None:
    """Let the product's clock be so many hours ahead."""
    shift = int(hours * 3_600_000_000)
    clock.follow(lambda real: real + shift)


def verdict() -> ArmComparison:
    goal = results_of("button").goal
    assert goal is not None
    (one,) = goal.comparisons
    return one


def test_an_always_valid_test_has_a_look_an_hour() -> None:
    counted(running(), 500, 0.1, 0.1)

    first = take_look("button")
    assert first is not None
    assert (first.number, first.units) == (1, {"control": 500, "treatment": 500})
    assert first.results["key"] == "button"
    assert take_look("button") is None
    later(0.99)
    assert take_look("button") is None
    later(1.01)
    second = take_look("button")
    assert second is not None
    assert second.number == 2


def test_nothing_is_looked_at_before_units_came_or_after_the_end() -> None:
    row = running()
    assert take_look("button") is None

    counted(row, 500, 0.1, 0.1)
    stop("button", actor=MO)

    assert take_look("button") is None
    assert not Look.objects.exists()
    with pytest.raises(NotFound):
        take_look("nothing")


def test_a_group_sequential_test_is_looked_at_when_planned_shares_are_there() -> None:
    row = running(inference="group_sequential", planned_units=1_000, planned_looks=4)

    taken = []
    for n in (200, 250, 300, 499, 510, 800, 990, 1_000, 1_100, 1_500):
        counted(row, n, 0.1, 0.1)
        if take_look("button") is not None:
            taken.append(n)

    assert taken == [250, 510, 800, 1_000]


def test_a_group_sequential_test_claims_nothing_between_its_looks() -> None:
    row = running(inference="group_sequential", planned_units=1_000, planned_looks=4)

    counted(row, 240, 0.05, 0.6)
    assert verdict().absolute.low is None
    assert results_of("button").level == "waiting"
    counted(row, 260, 0.05, 0.6)
    assert not verdict().is_significant
    take_look("button")

    assert verdict().is_significant
    assert verdict().absolute.low is not None
    assert results_of("button").level == "better"


def test_what_a_look_found_stays_found_while_the_arm_is_ahead() -> None:
    row = running(inference="group_sequential", planned_units=1_000, planned_looks=4)
    counted(row, 500, 0.05, 0.3)
    take_look("button")

    counted(row, 600, 0.05, 0.052)
    assert verdict().is_significant

    counted(row, 750, 0.05, 0.052)
    look = take_look("button")
    assert look is not None
    assert look.results["metrics"][0]["comparisons"][0]["is_significant"]


def test_an_arm_that_a_look_found_worse_is_never_found_better() -> None:
    row = running(inference="group_sequential", planned_units=1_000, planned_looks=4)
    counted(row, 500, 0.3, 0.05)
    take_look("button")
    assert results_of("button").level == "worse"

    for n, treatment in ((750, 0.301), (1_000, 0.5)):
        counted(row, n, 0.3, treatment)
        take_look("button")
        assert verdict().is_better
        assert not verdict().is_significant

    counted(row, 1_100, 0.3, 0.299)
    assert (verdict().is_better, verdict().is_significant) == (False, True)
    assert results_of("button").level == "worse"


def test_a_test_that_is_full_is_not_extended() -> None:
    row = running(inference="group_sequential", planned_units=1_000, planned_looks=4)
    counted(row, 1_000, 0.1, 0.1)
    take_look("button")

    counted(row, 1_200, 0.05, 0.3)

    assert take_look("button") is None
    assert not verdict().is_significant
    assert results_of("button").level == "no_difference"


def test_a_fixed_test_is_read_once() -> None:
    row = running(inference="fixed", planned_units=1_000)

    counted(row, 900, 0.05, 0.3)
    take_look("button")
    assert not verdict().is_significant
    assert verdict().absolute.low is not None
    assert results_of("button").verdict == (
        "The test can be read at its planned size: 90 % of its units are there."
        " So far conversion rate: 500 % higher (319 % to 681 %)."
    )

    counted(row, 1_000, 0.10, 0.10)
    assert take_look("button") is not None, "the hour is not over, but the size is there"
    assert not verdict().is_significant

    counted(row, 1_500, 0.05, 0.3)
    assert not verdict().is_significant
    assert results_of("button").level == "no_difference"


def test_looks_are_never_rewritten() -> None:
    row = running()
    counted(row, 500, 0.1, 0.1)
    take_look("button")
    before = Look.objects.values().get()

    counted(row, 900, 0.1, 0.2)
    later(2)
    take_look("button")

    assert Look.objects.filter(number=1).values().get() == before


def test_a_chart_has_a_bounded_number_of_points(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(looks, "MOST_LOOKS", 20)
    row = running()
    for hour in range(60):
        counted(row, 100 + hour, 0.1, 0.1)
        later(1.1 * hour)
        take_look("button")

    numbers = list(Look.objects.order_by("number").values_list("number", flat=True))
    assert len(numbers) <= 20
    assert (numbers[0], numbers[-1]) == (1, 60)


def test_the_look_of_a_fixed_test_that_decided_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(looks, "MOST_LOOKS", 6)
    row = running(inference="fixed", planned_units=101)
    for hour in range(30):
        counted(row, 100 + hour, 0.1, 0.1)
        later(1.1 * hour)
        take_look("button")

    assert 2 in set(Look.objects.values_list("number", flat=True))
    assert Look.objects.count() <= 7


def test_one_that_fails_stops_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    counted(running(), 500, 0.1, 0.1)
    create_experiment("broken", data={}, actor=MO)
    start("broken", actor=MO)
    real = looks.take_look

    def failing(key: str) -> Look | None:
        if key == "broken":
            raise RuntimeError(key)
        return real(key)

    monkeypatch.setattr(looks, "take_look", failing)

    assert take_looks() == 1
    assert Look.objects.count() == 1


def test_days_left_follow_the_traffic() -> None:
    row = running(planned_units=1_000, minimum_runtime_days=0)
    Experiment.objects.update(started_at=clock.now() - timedelta(days=5))
    counted(row, 500, 0.1, 0.1)

    progress = results_of("button").progress

    assert progress.days == pytest.approx(5, abs=0.01)
    assert progress.days_left == pytest.approx(5, abs=0.01)
    assert progress.information == 0.5

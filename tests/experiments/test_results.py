"""The results of an experiment from the rows that were measured: the worked example, and what only rows can show."""

import json
from datetime import date, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from common import clock
from events.log.offsets import SEQUENCE_BITS
from events.models import Offset
from experiments.metrics.registry import ORDERED, ORDERS, REVENUE
from experiments.models import Cell, Experiment, Withheld
from experiments.result_json import as_json
from experiments.results import Effect, ExperimentResults, MetricResult
from experiments.selectors.metrics import variables_of
from experiments.selectors.results import results_of
from experiments.services.designs import create_experiment
from experiments.services.holdout import start_holdout
from experiments.services.lifecycle import start, stop
from tests.experiments.analysis.units import AT
from tests.experiments.results_rows import cell, write_cells

pytestmark = pytest.mark.django_db
MO = "staff:mo"


@pytest.fixture
def row() -> Experiment:
    return running(inference="fixed", planned_units=20_000)


def running(**data: Any) -> Experiment:
    """Return a running experiment on conversion and revenue."""
    metrics = {"goal_metric": "conversion_rate", "secondary_metrics": ["revenue_per_visitor", "average_order_value"]}
    create_experiment("button", data={**metrics, **data}, actor=MO)
    start("button", actor=MO)
    return Experiment.objects.get(key="button")


def example(row: Experiment) -> ExperimentResults:
    """Write the worked example, and return its results."""
    variables = variables_of(row)
    control = {
        ORDERED: 2754,
        ORDERS: 3313,
        (ORDERS, ORDERS): 5000,
        REVENUE: 145407.77,
        (REVENUE, REVENUE): 11438505.7,
        REVENUE.before: 127658.09,
        (REVENUE, REVENUE.before): 6625863.5,
        (REVENUE.before, REVENUE.before): 8e6,
    }
    treatment = {
        ORDERED: 2811,
        ORDERS: 3348,
        (ORDERS, ORDERS): 5000,
        REVENUE: 147573.26,
        (REVENUE, REVENUE): 11842846.1,
        REVENUE.before: 128198.70,
        (REVENUE, REVENUE.before): 7124947.3,
        (REVENUE.before, REVENUE.before): 8e6,
    }
    write_cells(row, (cell("control", 20_000, control, variables), cell("treatment", 20_100, treatment, variables)))
    return results_of("button")


def width(effect: Effect) -> float:
    assert effect.low is not None
    assert effect.high is not None
    return effect.high - effect.low


def metric(results: ExperimentResults, key: str) -> MetricResult:
    return next(one for one in results.metrics if one.key == key)


def test_the_worked_example_at_a_fixed_horizon(row: Experiment) -> None:
    results = example(row)

    conversion, revenue = metric(results, "conversion_rate"), metric(results, "revenue_per_visitor")
    (one,) = conversion.comparisons
    assert (one.absolute.low, one.absolute.high) == pytest.approx((-0.0046168, 0.0089183), abs=5e-8)
    assert one.p_value == pytest.approx(0.533351, abs=5e-7)
    assert (one.relative.low, one.relative.high) == pytest.approx((-0.03391, 0.06515), abs=5e-6)
    (one,) = revenue.comparisons
    assert one.unadjusted is not None
    assert (one.unadjusted.value, one.unadjusted.low, one.unadjusted.high) == pytest.approx(
        (0.071565, -0.37791, 0.52104), abs=5e-6
    )
    assert width(one.absolute) < width(one.unadjusted)
    assert not one.is_significant
    assert [arm.units for arm in results.arms] == [20_000, 20_100]
    assert (results.health.srm_p_value, results.health.is_mismatch) == (1.0, False)


def test_the_worked_example_while_it_is_watched() -> None:
    results = example(running())

    (one,) = metric(results, "conversion_rate").comparisons
    assert (one.absolute.low, one.absolute.high) == pytest.approx((-0.00894, 0.01324), abs=5e-6)
    assert one.p_value == 1
    (one,) = metric(results, "revenue_per_visitor").comparisons
    assert one.unadjusted is not None
    assert (one.unadjusted.low, one.unadjusted.high) == pytest.approx((-0.66512, 0.80825), abs=5e-6)
    assert results.level == "undecided"
    assert as_json(results) == json.loads(json.dumps(as_json(results), allow_nan=False))


def counted_queries(key: str = "button") -> tuple[ExperimentResults, list[str]]:
    with CaptureQueriesContext(connection) as queries:
        results = results_of(key)
    return results, [one["sql"] for one in queries]


def test_only_cells_that_changed_are_read_again(row: Experiment) -> None:
    example(row)

    _, again = counted_queries()
    Cell.objects.filter(arm="treatment").update(n=20_200)
    changed, once_more = counted_queries()

    assert not any("sketches::text" in one for one in again)
    (read,) = [one for one in once_more if "sketches::text" in one]
    assert str(Cell.objects.get(arm="treatment").pk) in read
    assert str(Cell.objects.get(arm="control").pk) not in read.partition("ANY")[2]
    assert [arm.units for arm in changed.arms] == [20_000, 20_200]


def test_a_tick_asks_few_queries(row: Experiment) -> None:
    example(row)
    results_of("button")

    assert len(counted_queries()[1]) <= 5


def test_what_changes_the_experiment_shows_at_once(row: Experiment) -> None:
    example(row)
    assert results_of("button").status == "running"

    stop("button", actor=MO)
    stopped = results_of("button")

    assert (stopped.status, stopped.level) == ("stopped", "ended")
    assert stopped.verdict.startswith("The experiment was stopped: conversion rate 1.6 % higher")


def test_cells_that_are_gone_count_no_more(row: Experiment) -> None:
    example(row)
    Cell.objects.all().delete()

    assert [arm.units for arm in results_of("button").arms] == [0, 0]


def test_withheld_answers_are_counted_by_arm(row: Experiment) -> None:
    for day, n in ((1, 3), (2, 4)):
        Withheld.objects.create(
            experiment=row, day=date(2026, 12, day), arm="control", reason=Withheld.Reason.NO_CONSENT, n=n
        )

    assert [arm.withheld for arm in example(row).arms] == [7, 0]


def test_the_hold_out_is_about_what_personalization_adds() -> None:
    start_holdout(share=0.1, actor=MO)
    row = Experiment.objects.get(key="global-holdout")
    variables = variables_of(row)
    numbers = {
        arm: {
            ORDERED: buyers,
            ORDERS: buyers,
            (ORDERS, ORDERS): buyers,
            REVENUE: 50.0 * buyers,
            (REVENUE, REVENUE): 2_600.0 * buyers,
            (REVENUE, ORDERS): 50.0 * buyers,
        }
        for arm, buyers in (("held-out", 1_000), ("personalized", 10_800))
    }
    cells = (cell(arm, n, numbers[arm], variables) for arm, n in (("held-out", 10_000), ("personalized", 90_000)))
    write_cells(row, tuple(cells))

    results = results_of("global-holdout")

    assert [(one.key, one.role) for one in results.metrics] == [
        ("conversion_rate", "goal"),
        ("revenue_per_visitor", "secondary"),
        ("average_order_value", "secondary"),
    ]
    assert [arm.arm for arm in results.arms] == ["held-out", "personalized"]
    assert results.level == "better"
    assert results.verdict.startswith("Conversion rate is 20 % higher (")
    assert results.verdict.endswith("): this is what personalization adds.")
    assert results.progress.days_left is None


def test_numbers_are_counted_until_the_counter_is(row: Experiment) -> None:
    example(row)
    assert results_of("button", at=AT).health.counted_until == AT

    hour_ago = clock.to_microseconds(AT - timedelta(hours=1)) // 1_000
    offset = (hour_ago + 60_000) << SEQUENCE_BITS
    Offset.objects.create(consumer="recorder", shard=0, log_offset=offset)
    assert results_of("button", at=AT).health.counted_until is None

    Offset.objects.create(consumer="experiments", shard=0, log_offset=hour_ago << SEQUENCE_BITS)
    assert results_of("button", at=AT).health.counted_until == AT - timedelta(hours=1)

    Offset.objects.filter(consumer="experiments").update(log_offset=offset)
    assert results_of("button", at=AT).health.counted_until == AT

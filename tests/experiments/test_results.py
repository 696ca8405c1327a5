"""The results of an experiment from the rows that were measured: the worked example, and what only rows can show."""

import json
from typing import Any

import pytest

from experiments.metrics.registry import ORDERED, ORDERS, REVENUE
from experiments.models import Experiment
from experiments.result_json import as_json
from experiments.results import Effect, ExperimentResults, MetricResult
from experiments.selectors.metrics import variables_of
from experiments.selectors.results import results_of
from experiments.services.designs import create_experiment
from experiments.services.lifecycle import start
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
    assert results.health.srm_p_value == pytest.approx(0.617514, abs=5e-7)
    assert not results.health.is_mismatch


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

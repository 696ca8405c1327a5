"""Whole tables of effects equal those that the scalar statistics give, one by one."""

from typing import Any

import numpy as np
import pytest

from experiments.analysis.bounds import bounds_of
from experiments.analysis.comparisons import ALWAYS, Comparer
from experiments.analysis.effects import strata_of
from experiments.analysis.metrics import layout_of
from experiments.analysis.plan import Plan
from experiments.analysis.tables import table_of
from experiments.design import Arm
from experiments.metrics.registry import ITEMS, METRICS, ORDERED, ORDERS, REVENUE
from experiments.stats.corrections import adjusted_p_values
from experiments.stats.estimands import Estimand, Mean, Ratio, adjust
from experiments.stats.inference import Comparison, compare
from experiments.stats.methods import method_of
from experiments.stats.moments import ArmMoments, arm_from_sums, proportion_arm, stratify_arms
from experiments.stats.power import AnalysisPlan, InferenceKind
from tests.experiments.analysis.units import AT, Units, cells_of, plan_with

THREE = (Arm("control", "Control", 0.4), Arm("warm", "Warm", 0.4), Arm("cold", "Cold", 0.2))
RNG = np.random.default_rng(7)


def shoppers(arm: str, size: int, *, epoch: int = 1, lift: float = 0.0) -> Units:
    """Return shoppers with orders that go with what they did before."""
    before = RNG.lognormal(3, 1, size) * (RNG.random(size) < 0.3)
    orders = RNG.poisson(0.2 + 0.002 * before + lift)
    revenue = orders * RNG.lognormal(3, 0.6, size)
    values = {
        ORDERED: (orders > 0).astype(float),
        ORDERS: orders.astype(float),
        REVENUE: revenue,
        ITEMS: orders * RNG.integers(1, 4, size).astype(float),
        REVENUE.before: before,
        ORDERS.before: (before > 0) * RNG.integers(1, 3, size),
    }
    groups = {"device": RNG.choice(["mobile", "desktop"], size).tolist()}
    return Units(arm, {key: value for key, value in values.items() if key is not None}, groups, epoch)


@pytest.fixture(scope="module")
def units() -> list[Units]:
    """Three arms in two epochs of unlike weights; in the second one arm has a single unit."""
    return [
        *(shoppers(arm, size) for arm, size in (("control", 400), ("warm", 300), ("cold", 200))),
        *(shoppers(arm, size, epoch=2, lift=0.1) for arm, size in (("control", 150), ("warm", 500), ("cold", 1))),
    ]


def plan_of(metric: str, inference: InferenceKind = InferenceKind.FIXED, **more: Any) -> Plan:
    return plan_with((metric, "goal"), arms=THREE, inference=inference, planned_units=600, **more)


def scalar(plan: Plan, units: list[Units], arm: str, *, with_covariate: bool = True, **method: Any) -> Comparison:
    """Return the same comparison by the scalar functions."""
    metric = plan.metrics[0].metric
    variables = [one for one in plan.variables if one in metric.variables or one.is_before]

    def moments(one: Units) -> ArmMoments:
        matrix = np.array([one.values.get(each, np.zeros(len(one.values[ORDERS]))) for each in variables])
        result = arm_from_sums(matrix.shape[1], matrix.sum(axis=1).tolist(), (matrix @ matrix.T).tolist())
        if metric.kind == "proportion":
            covariance = [list(row) for row in result.covariance]
            covariance[0][0] = proportion_arm(result.n, float(matrix[0].sum())).covariance[0][0]
            return ArmMoments(result.n, result.means, tuple(map(tuple, covariance)))
        return result

    epochs = [[moments(one) for one in units if one.epoch == epoch and one.arm in ("control", arm)] for epoch in (1, 2)]
    control, treatment = stratify_arms(epochs)
    outcome: Mean | Ratio = Mean(0) if metric.denominator is None else Ratio(0, 1)
    covariate: Mean | Ratio = Mean(1) if metric.denominator is None else Ratio(2, 3)
    estimand: Estimand = adjust(outcome, covariate, [control, treatment]) if with_covariate else outcome
    analysis = AnalysisPlan(plan.inference, plan.alpha)
    return compare(control, treatment, estimand, method_of(analysis, plan.planned_pair or 1, **method))


@pytest.mark.parametrize("inference", [InferenceKind.FIXED, InferenceKind.ALWAYS_VALID])
@pytest.mark.parametrize(
    ("metric", "with_covariate"),
    [
        ("revenue_per_visitor", True),
        ("conversion_rate", False),
        ("average_order_value", True),
        ("items_per_order", False),
    ],
)
def test_effects_equal_those_of_the_scalar_functions(
    metric: str, with_covariate: bool, inference: InferenceKind, units: list[Units]
) -> None:
    plan = plan_of(metric, inference)
    table = table_of(cells_of(plan, *units), plan.arm_keys, width=len(plan.variables), today=AT.date())
    layout = layout_of(METRICS[metric], plan)
    layout = layout if with_covariate else layout.without_covariate()

    rows = Comparer(plan.arm_keys[1:], bounds_of(plan, []), True).rows(strata_of(table.sums, layout).effects(), ALWAYS)

    for place, arm in enumerate(plan.arm_keys[1:]):
        expected = scalar(plan, units, arm, with_covariate=with_covariate)
        for mine, theirs in (
            (rows[0][place].absolute, expected.absolute),
            (rows[0][place].relative, expected.relative),
        ):
            assert (mine.value, mine.low, mine.high) == pytest.approx(
                (theirs.estimate.value, theirs.low, theirs.high), rel=1e-9
            )
        assert rows[0][place].p_value == pytest.approx(expected.absolute.p_value, rel=1e-8)
    raw = [one.p_value for one in rows[0]]
    assert [one.adjusted_p_value for one in rows[0]] == pytest.approx(list(adjusted_p_values(raw)))

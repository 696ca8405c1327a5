"""What each inference says of whole experiments: multivariate designs, planned looks, tests that ended."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from experiments.analysis.readings import LookRow
from experiments.design import Arm
from experiments.metrics.registry import REVENUE
from experiments.stats.estimands import Mean
from experiments.stats.factorial import factorial_analysis, interaction
from experiments.stats.group_sequential import GroupSequentialPlan, group_sequential_look, spending_boundaries
from experiments.stats.inference import fixed_inference
from experiments.stats.power import AnalysisPlan, InferenceKind
from experiments.stats.sequential import always_valid_inference, always_valid_p, mixture_variance
from experiments.stats.unbiased import realized_boundaries, stopped_effect
from tests.experiments.analysis.units import (
    AT,
    STARTED,
    TWO_ARMS,
    Units,
    between,
    first,
    goal,
    moments,
    numbers,
    plan_with,
    read,
    spenders,
)

FOUR = tuple(
    Arm(f"{algorithm}-{layout}", f"{algorithm}, {layout}", 0.25, None, {"algorithm": algorithm, "layout": layout})
    for algorithm in ("old", "new")
    for layout in ("grid", "list")
)
FACTORS = {"algorithm": ["old", "new"], "layout": ["grid", "list"]}


@pytest.mark.parametrize("inference", [InferenceKind.FIXED, InferenceKind.ALWAYS_VALID])
def test_factors_have_main_effects_and_their_interaction(inference: InferenceKind) -> None:
    plan = plan_with(
        ("revenue_per_visitor", "goal"), arms=FOUR, factors=FACTORS, inference=inference, planned_units=900
    )
    means = dict(zip(plan.arm_keys, (10.0, 10.2, 11.0, 13.0), strict=True))
    units = [spenders(arm, 800, mean=mean) for arm, mean in means.items()]

    results = read(plan, *units)

    cells: Any = dict(zip([(0, 0), (0, 1), (1, 0), (1, 1)], map(moments, units), strict=True))
    analysis = factorial_analysis(cells, [2, 2], Mean())
    estimates = [*(one.estimate for one in analysis.level_effects), interaction(cells, Mean())]
    names = ["algorithm: new against old", "layout: list against grid", "algorithm × layout", "any difference"]
    assert [one.name for one in results.factors] == names
    for one, estimate in zip(results.factors, estimates, strict=False):
        if inference is InferenceKind.FIXED:
            expected = fixed_inference(estimate)
        else:
            expected = always_valid_inference(estimate, n_star=3_600)
        assert numbers(one.effect) == pytest.approx((expected.estimate.value, expected.low, expected.high))
        assert one.p_value == pytest.approx(expected.p_value)
    assert results.factors[-1].p_value < 0.001


def test_factors_with_three_levels_have_a_test_of_their_interaction() -> None:
    factors = {"algorithm": ["a", "b", "c"], "layout": ["grid", "list"]}
    arms = tuple(
        Arm(f"{one}-{other}", f"{one} {other}", 1 / 6, None, {"algorithm": one, "layout": other})
        for one in factors["algorithm"]
        for other in factors["layout"]
    )
    plan = plan_with(("revenue_per_visitor", "goal"), arms=arms, factors=factors)

    results = read(plan, *(spenders(arm.key, 500, seed=place) for place, arm in enumerate(arms)))

    assert [one.name for one in results.factors] == [
        "algorithm: b against a",
        "algorithm: c against a",
        "layout: list against grid",
        "algorithm × layout",
        "any difference",
    ]
    assert results.factors[3].effect.value is None
    assert 0 < results.factors[3].p_value <= 1


def look(number: int, n: int) -> LookRow:
    return LookRow(number, STARTED + timedelta(days=number), {"control": n, "warm": n})


def test_a_planned_look_has_the_bounds_of_the_looks_before() -> None:
    plan = plan_with(
        ("revenue_per_visitor", "goal"), inference=InferenceKind.GROUP_SEQUENTIAL, planned_units=2_000, planned_looks=4
    )
    units = spenders("control", 1_000), spenders("warm", 1_000, mean=10.6)

    results = read(plan, *units, looks=(look(1, 500),), is_look=True)

    estimate = between(units)
    expected = group_sequential_look(GroupSequentialPlan(4_000, 4), [1_000, 2_000], estimate)
    low_and_high = expected.conclusion.low, expected.conclusion.high
    assert numbers(first(results).absolute)[1:] == pytest.approx(low_and_high)
    assert first(results).is_significant == expected.is_significant


def test_holm_corrects_over_arms_at_planned_looks() -> None:
    arms = (*TWO_ARMS, Arm("cold", "Cold", 0.5))
    plan = plan_with(
        ("revenue_per_visitor", "goal"),
        arms=tuple(replace(arm, weight=1 / 3) for arm in arms),
        inference=InferenceKind.GROUP_SEQUENTIAL,
        planned_units=1_000,
        planned_looks=1,
    )
    z = {0: 2.1, 1: 2.5}
    scale = 4.0 * np.sqrt(2 / 1_000)

    def exact(arm: str, mean: float) -> Units:
        values = np.random.default_rng(3).normal(0, 1, 1_000)
        values = (values - values.mean()) / values.std(ddof=1) * 4.0 + mean
        return Units(arm, {REVENUE: values})

    both = read(
        plan, exact("control", 10), exact("warm", 10 + z[0] * scale), exact("cold", 10 + z[1] * scale), is_look=True
    )
    alone = read(plan, exact("control", 10), exact("warm", 10 + z[0] * scale), exact("cold", 10), is_look=True)

    assert [one.is_significant for one in goal(both).comparisons] == [True, True]
    assert [one.is_significant for one in goal(alone).comparisons] == [False, False]


def test_the_effect_of_a_test_that_ended_is_corrected() -> None:
    plan = plan_with(
        ("revenue_per_visitor", "goal"), status="shipped", planned_units=3_000, ended_at=AT, final_arm="warm"
    )
    units = spenders("control", 1_000), spenders("warm", 1_000, mean=11.5)

    one = first(read(plan, *units, looks=(look(1, 400), look(2, 700))))

    estimate = between(units)
    boundaries = realized_boundaries(AnalysisPlan(), 6_000, [800, 1_400, 2_000])
    expected = stopped_effect(boundaries, estimate)
    assert numbers(one.median_unbiased) == pytest.approx((expected.median_unbiased, expected.low, expected.high))
    assert numbers(one.median_unbiased)[0] < numbers(one.absolute)[0]


def test_looks_that_were_significant_and_ended_nothing_do_not_count() -> None:
    """A policy waits for its minimum runtime and ramps, so a test with a strong effect goes on for many looks."""
    plan = plan_with(
        ("revenue_per_visitor", "goal"), status="shipped", planned_units=3_000, ended_at=AT, final_arm="warm"
    )
    units = spenders("control", 1_000), spenders("warm", 1_000, mean=12.5)
    winner = frozenset({"warm"})
    looks = (look(1, 100), replace(look(2, 400), significant=winner), replace(look(3, 700), significant=winner))

    one = first(read(plan, *units, looks=looks))

    expected = stopped_effect(realized_boundaries(AnalysisPlan(), 6_000, [200, 2_000]), between(units))
    assert numbers(one.median_unbiased) == pytest.approx((expected.median_unbiased, expected.low, expected.high))
    value, error = one.absolute.value, one.absolute.standard_error
    assert value is not None
    assert error is not None
    assert numbers(one.median_unbiased)[0] == pytest.approx(value, abs=error / 2)


UNEVEN = (Arm("control", "Control", 0.8), Arm("warm", "Warm", 0.15), Arm("cold", "Cold", 0.05))
"""The arm and the control are never two thirds of all units."""


def uneven_look(number: int, units: int) -> LookRow:
    return LookRow(
        number, STARTED + timedelta(days=number), {arm.key: round(units * arm.weight) for arm in UNEVEN}, frozenset()
    )


def test_three_uneven_arms_are_corrected_by_the_looks_and_bounds_that_they_had() -> None:
    plan = plan_with(
        ("revenue_per_visitor", "goal"), arms=UNEVEN, status="shipped", planned_units=2_000, planned_looks=4,
        inference=InferenceKind.GROUP_SEQUENTIAL, ended_at=AT, final_arm="warm",
    )  # fmt: skip
    units = [spenders(arm.key, round(4_500 * arm.weight), mean=10.5 if arm.key == "warm" else 10.0) for arm in UNEVEN]

    warm, cold = goal(read(plan, *units, looks=(uneven_look(1, 1_500), uneven_look(2, 3_000)))).comparisons

    boundaries = spending_boundaries((1_500 / 6_000, 3_000 / 6_000, 4_500 / 6_000), 0.025)
    for one, other in ((warm, units[1]), (cold, units[2])):
        expected = stopped_effect(boundaries, between([units[0], other]))
        assert numbers(one.median_unbiased) == pytest.approx((expected.median_unbiased, expected.low, expected.high))


def test_the_bound_of_an_always_valid_test_with_three_uneven_arms_is_that_of_holms_first_step() -> None:
    plan = plan_with(
        ("revenue_per_visitor", "goal"), arms=UNEVEN, status="shipped", planned_units=2_000, ended_at=AT,
        final_arm="warm",
    )  # fmt: skip
    units = [spenders(arm.key, round(4_500 * arm.weight), mean=10.5 if arm.key == "warm" else 10.0) for arm in UNEVEN]

    warm, _ = goal(read(plan, *units, looks=(uneven_look(1, 1_500), uneven_look(2, 3_000)))).comparisons

    sizes = np.array([1_425.0, 2_850.0, 4_275.0])
    analysis = AnalysisPlan(alpha=0.025, n_star=4_000 * mixture_variance(0.025, 1) / mixture_variance(0.05, 1))
    boundaries = realized_boundaries(analysis, 4_000, [1_425, 2_850, 4_275])
    p_at_bound = always_valid_p(np.array(boundaries.upper), sizes, alpha=0.05, n_star=4_000)
    assert p_at_bound == pytest.approx(0.025)
    expected = stopped_effect(boundaries, between(units[:2]))
    assert numbers(warm.median_unbiased) == pytest.approx((expected.median_unbiased, expected.low, expected.high))


def test_a_running_test_is_not_corrected() -> None:
    plan = plan_with(("revenue_per_visitor", "goal"))

    assert first(read(plan, spenders("control", 500), spenders("warm", 500))).median_unbiased is None

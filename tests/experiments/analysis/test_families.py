"""Holm's correction over metrics and groups: what is found by looking at many things."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy import special

from experiments.metrics.base import Metric, Variable
from experiments.metrics.registry import ORDERED, REVENUE
from experiments.stats.corrections import adjusted_p_values
from experiments.stats.group_sequential import spending_boundaries
from experiments.stats.power import InferenceKind
from tests.experiments.analysis.units import Units, goal, plan_with, read, spenders

N = 2_000
OTHERS = tuple(Variable("events", "count", (f"Event {number}",)) for number in range(3))
METRICS = tuple(Metric(f"other_{number}", f"Other {number}", "mean", one) for number, one in enumerate(OTHERS))


def shifted(arm: str, z_values: tuple[float, ...], **more: Any) -> Units:
    """Return units whose variables beside revenue have exactly these z values against an arm with zeros."""
    scale = np.sqrt(2 / N) * np.sqrt(N / (N - 1))
    base = np.resize([-1.0, 1.0], N)
    values = {one: base + z * scale for one, z in zip(OTHERS, z_values, strict=True)}
    return Units(arm, {**spenders(arm, N).values, **values}, **more)


def plan(inference: InferenceKind = InferenceKind.FIXED, **more: Any) -> Any:
    uses: Any = [("revenue_per_visitor", "goal"), *((one, "secondary") for one in METRICS)]
    return plan_with(*uses, inference=inference, planned_units=N, **more)


def test_metrics_beside_the_goal_are_corrected_together() -> None:
    results = read(plan(), shifted("control", (0.0, 0.0, 0.0)), shifted("warm", (2.1, 2.6, 2.3)))

    own, *others = (one.comparisons[0] for one in results.metrics)
    assert own.adjusted_p_value == own.p_value
    raw = [one.p_value for one in others]
    assert raw == pytest.approx([2 * special.ndtr(-z) for z in (2.1, 2.6, 2.3)], rel=0.01)
    assert [one.adjusted_p_value for one in others] == pytest.approx(adjusted_p_values(raw))
    assert [one.is_significant for one in others] == [True, True, True], "each step of Holm's passes"
    weaker = read(plan(), shifted("control", (0.0, 0.0, 0.0)), shifted("warm", (2.1, 2.2, 2.3)))
    assert [one.comparisons[0].is_significant for one in weaker.metrics[1:]] == [False, False, False]


def test_what_a_look_found_stays_found() -> None:
    known = {("other_0", "warm"): True}

    results = read(plan(), shifted("control", (0.0, 0.0, 0.0)), shifted("warm", (1.0, 1.0, 1.0)), significant=known)

    assert [one.comparisons[0].is_significant for one in results.metrics[1:]] == [True, False, False]


def test_at_planned_looks_metrics_beside_the_goal_share_alpha() -> None:
    design = plan(InferenceKind.GROUP_SEQUENTIAL, planned_looks=1)
    bound = spending_boundaries((1.0,), 0.05 / 3).upper[0]

    results = read(
        design,
        shifted("control", (0.0, 0.0, 0.0)),
        shifted("warm", (bound - 0.02, bound + 0.02, 2.2)),
        is_look=True,
    )

    assert spending_boundaries((1.0,), 0.05).upper[0] < 2.2
    assert [one.comparisons[0].is_significant for one in results.metrics[1:]] == [False, True, False]


def grouped(arm: str, count: int, mean: float) -> Units:
    """Return units in so many groups; those of the first two groups spend more in the arm."""
    one = spenders(arm, 100 * count, groups={"segment": [f"s{place % count:03}" for place in range(100 * count)]})
    first_two = np.arange(100 * count) % count < 2
    return replace(one, values={**one.values, REVENUE: one.values[REVENUE] + mean * first_two})


@pytest.mark.parametrize("count", [4, 40])
def test_groups_are_corrected_over_all_that_were_ever_seen(count: int) -> None:
    design = plan_with(("revenue_per_visitor", "goal"), ("conversion_rate", "secondary"), planned_units=400)

    results = read(design, grouped("control", count, 0.0), grouped("warm", count, 3.0))

    groups = [group for metric in results.metrics for one in metric.breakdowns for group in one.groups]
    raw = [group.comparisons[0].p_value for group in groups]
    hidden = 2 * count - len(raw)
    assert len(raw) == 2 * min(count, 20)
    expected = adjusted_p_values([*raw, *[1.0] * hidden])[: len(raw)]
    assert [group.comparisons[0].adjusted_p_value for group in groups] == pytest.approx(expected)
    assert [group.comparisons[0].is_significant for group in groups] == [p < 0.05 for p in expected]


def test_groups_without_an_effect_are_found_by_chance_no_more_often_than_alpha() -> None:
    """Fixed seeds: 60 experiments without an effect, each with two metrics in twenty groups."""
    design = plan_with(("revenue_per_visitor", "goal"), ("conversion_rate", "secondary"), planned_units=1_000)
    found = 0
    for seed in range(60):
        labels = {"segment": [f"s{place % 20:02}" for place in range(2_000)]}
        arms = [spenders(arm, 2_000, seed=seed, groups=labels) for arm in ("control", "warm")]
        results = read(design, *arms)
        found += any(
            group.comparisons[0].is_significant
            for metric in results.metrics
            for one in metric.breakdowns
            for group in one.groups
        )

    assert found <= 60 * 0.05 + 2 * (60 * 0.05 * 0.95) ** 0.5
    assert goal(results).breakdowns[0].groups[0].arms[0].units == 100
    assert ORDERED in design.variables

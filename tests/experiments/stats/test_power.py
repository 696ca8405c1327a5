"""Sizes, powers and durations, per conclusion."""

from math import isclose

import pytest

from experiments.stats.estimands import Mean
from experiments.stats.moments import mean_arm
from experiments.stats.power import (
    AnalysisPlan,
    InferenceKind,
    SampleSize,
    crossing_power,
    duration_days,
    inference_costs,
    minimum_effect,
    planned_boundaries,
    planned_futility,
    power_of,
    proportion_variance,
    sample_size,
    unit_variance,
)

ALWAYS_VALID, GROUP_SEQUENTIAL, FIXED = InferenceKind
REVENUE = mean_arm(20_000, 145407.77, 11438505.7)
VARIANCE = unit_variance(REVENUE, Mean())
FIVE_PERCENT = 0.05 * REVENUE.means[0]
FIXED_DRIFT = 2.8015852


def test_the_worked_example() -> None:
    size = sample_size(FIVE_PERCENT, VARIANCE, AnalysisPlan(FIXED))

    assert (size.control, size.treatment, size.experiment) == (61_663, 61_663, 123_327)


@pytest.mark.parametrize(("factor", "power"), [(1.0, 0.51), (2.0, 0.87)])
def test_the_always_valid_test_at_the_fixed_size(factor: float, power: float) -> None:
    """The figures of the plan page: N* of the plan finds 51 %, at twice the size 87 %."""
    assert planned_boundaries(AnalysisPlan()).power(FIXED_DRIFT * factor**0.5) == pytest.approx(power, abs=0.005)


@pytest.mark.parametrize("kind", InferenceKind)
@pytest.mark.parametrize("looks", [5, 28, 50])
@pytest.mark.parametrize("power", [0.7, 0.8, 0.95])
def test_a_size_has_its_power(kind: InferenceKind, looks: int, power: float) -> None:
    plan = AnalysisPlan(kind, looks=looks, power=power)
    size = sample_size(FIVE_PERCENT, VARIANCE, plan)

    assert power_of(FIVE_PERCENT, VARIANCE, size.compared, plan) == pytest.approx(power, abs=1e-4)
    assert minimum_effect(VARIANCE, size.compared, plan) == pytest.approx(FIVE_PERCENT, rel=1e-4)


def test_a_given_n_star_costs_units() -> None:
    of_plan = sample_size(FIVE_PERCENT, VARIANCE, AnalysisPlan())
    plan = AnalysisPlan(n_star=5_000)
    given = sample_size(FIVE_PERCENT, VARIANCE, plan)

    assert given.compared > 1.1 * of_plan.compared
    assert power_of(FIVE_PERCENT, VARIANCE, given.compared, plan) == pytest.approx(0.8, abs=1e-3)


def test_the_form_and_futility_take_a_given_n_star() -> None:
    plan = AnalysisPlan(n_star=5_000)

    always_valid, _, _ = inference_costs(FIVE_PERCENT, VARIANCE, plan)
    rule = planned_futility(plan, always_valid.size.compared)

    assert always_valid.size_ratio > 2
    assert always_valid.interval_ratio > 1.549
    assert rule.power_without_rule == pytest.approx(0.8, abs=2e-3)
    with pytest.raises(ValueError, match="units"):
        planned_futility(plan)


def test_the_treatment_of_a_proportion_has_its_own_variance() -> None:
    """Fleiss: (z_{α/2} + z_β)² (p₁q₁ + p₂q₂) / (p₂ − p₁)² for each arm."""
    low, high = proportion_variance(0.10), proportion_variance(0.12)

    size = sample_size(0.02, low, AnalysisPlan(FIXED), treatment_variance=high)

    assert size.control == round(FIXED_DRIFT**2 * (0.1 * 0.9 + 0.12 * 0.88) / 0.02**2)


@pytest.mark.parametrize("looks", [28, 50])
@pytest.mark.parametrize("drift", [2.0, 2.8, 3.6])
def test_the_closed_form_is_close_and_not_too_high(looks: int, drift: float) -> None:
    exact = planned_boundaries(AnalysisPlan(looks=looks)).power(drift)
    closed = crossing_power(drift, alpha=0.05, ratio=1.0, looks=looks)

    assert exact - 0.02 < closed < exact


def test_unequal_shares_cost_units() -> None:
    even, uneven = AnalysisPlan(FIXED), AnalysisPlan(FIXED, shares=(0.9, 0.1))

    ratio = sample_size(1, 100, uneven).compared / sample_size(1, 100, even).compared

    assert ratio == pytest.approx(0.25 / 0.09, rel=1e-3)


def test_a_third_arm_adds_its_units() -> None:
    size = sample_size(1, 100, AnalysisPlan(FIXED, shares=(1 / 3, 1 / 3)))

    assert isclose(size.experiment, 1.5 * size.compared, rel_tol=1e-3)


def test_durations_are_whole_weeks() -> None:
    size = SampleSize(5_000, 5_000, 10_000)

    assert duration_days(size, 1_000) == 14
    assert duration_days(size, 1_000, whole_weeks=False) == 10
    assert duration_days(size, 1_000, coverage=0.5) == 21
    with pytest.raises(ValueError, match="traffic"):
        duration_days(size, 0)


def test_the_design_form_compares_the_three() -> None:
    always_valid, group_sequential, fixed = inference_costs(FIVE_PERCENT, VARIANCE, AnalysisPlan())

    assert always_valid.size_ratio > 1.5 > 1.1 > group_sequential.size_ratio > fixed.size_ratio == 1
    assert always_valid.power_at_fixed_size == pytest.approx(0.51, abs=0.005)
    assert group_sequential.power_at_fixed_size == pytest.approx(0.78, abs=0.005)
    assert fixed.power_at_fixed_size == pytest.approx(0.8, abs=1e-4)
    assert always_valid.interval_ratio == pytest.approx(1.549, abs=0.001)
    for cost in (always_valid, group_sequential, fixed):
        assert cost.time_without_effect <= 0.6


@pytest.mark.parametrize("arguments", [{"alpha": 0.0}, {"power": 0.01}, {"looks": 0}, {"looks": 51}])
def test_designs_that_are_refused(arguments: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="must"):
        AnalysisPlan(**arguments)  # type: ignore[arg-type]


def test_shares_and_effects_that_are_refused() -> None:
    with pytest.raises(ValueError, match="shares"):
        AnalysisPlan(shares=(0.5, 0.6))
    with pytest.raises(ValueError, match="effect"):
        sample_size(0, 1, AnalysisPlan())
    with pytest.raises(ValueError, match="variance"):
        minimum_effect(0, 10, AnalysisPlan())

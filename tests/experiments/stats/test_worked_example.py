"""The worked example: two arms of a shop, all numbers given to the last printed digit."""

from functools import partial

import pytest

from experiments.stats.estimands import Mean, adjust
from experiments.stats.estimates import absolute_effect
from experiments.stats.inference import Comparison, compare, fixed_inference
from experiments.stats.moments import ArmMoments, arm_from_sums, mean_arm, proportion_arm
from experiments.stats.sequential import always_valid_inference
from experiments.stats.srm import srm_check

CONTROL_N, TREATMENT_N = 20_000, 20_100
always_valid = partial(always_valid_inference, n_star=5_000)


def conversion() -> tuple[ArmMoments, ArmMoments]:
    return proportion_arm(CONTROL_N, 2754), proportion_arm(TREATMENT_N, 2811)


def revenue() -> tuple[ArmMoments, ArmMoments]:
    return mean_arm(CONTROL_N, 145407.77, 11438505.7), mean_arm(TREATMENT_N, 147573.26, 11842846.1)


def compare_conversion() -> Comparison:
    return compare(*conversion(), Mean(), fixed_inference)


def test_conversion_at_a_fixed_horizon() -> None:
    comparison = compare_conversion()

    assert comparison.absolute.low == pytest.approx(-0.0046168, abs=5e-8)
    assert comparison.absolute.high == pytest.approx(0.0089183, abs=5e-8)
    assert comparison.absolute.p_value == pytest.approx(0.533351, abs=5e-7)
    assert comparison.relative.low == pytest.approx(-0.03391, abs=5e-6)
    assert comparison.relative.high == pytest.approx(0.06515, abs=5e-6)
    assert not comparison.is_significant


def test_revenue_at_a_fixed_horizon() -> None:
    conclusion = fixed_inference(absolute_effect(*revenue(), Mean()))

    assert conclusion.estimate.value == pytest.approx(0.071565, abs=5e-7)
    assert conclusion.low == pytest.approx(-0.37791, abs=5e-6)
    assert conclusion.high == pytest.approx(0.52104, abs=5e-6)
    assert conclusion.p_value == pytest.approx(0.754986, abs=5e-7)


def test_conversion_always_valid() -> None:
    conclusion = always_valid(absolute_effect(*conversion(), Mean()))

    assert conclusion.low == pytest.approx(-0.00894, abs=5e-6)
    assert conclusion.high == pytest.approx(0.01324, abs=5e-6)
    assert conclusion.p_value == 1


def test_revenue_always_valid() -> None:
    conclusion = always_valid(absolute_effect(*revenue(), Mean()))
    fixed = fixed_inference(absolute_effect(*revenue(), Mean()))

    assert conclusion.low == pytest.approx(-0.66512, abs=5e-6)
    assert conclusion.high == pytest.approx(0.80825, abs=5e-6)
    assert (conclusion.high - conclusion.low) / (fixed.high - fixed.low) == pytest.approx(1.639, abs=5e-4)


def test_sizes_fit_the_weights() -> None:
    check = srm_check([[CONTROL_N, TREATMENT_N]], [[0.5, 0.5]])

    assert check.p_value == pytest.approx(0.617514, abs=5e-7)
    assert not check.is_mismatch


def test_the_period_before_narrows_revenue() -> None:
    """The example gives no squares of the period before, so these are chosen; θ follows from the page's formula."""
    squares = 8_000_000.0
    control = arm_from_sums(CONTROL_N, [145407.77, 127658.09], [[11438505.7, 6625863.5], [6625863.5, squares]])
    treatment = arm_from_sums(TREATMENT_N, [147573.26, 128198.70], [[11842846.1, 7124947.3], [7124947.3, squares]])
    n = CONTROL_N + TREATMENT_N
    covariance = 6625863.5 + 7124947.3 - (145407.77 + 147573.26) * (127658.09 + 128198.70) / n
    variance = 2 * squares - (127658.09 + 128198.70) ** 2 / n

    adjusted = adjust(Mean(0), Mean(1), [control, treatment])

    assert adjusted.theta == pytest.approx(covariance / variance, rel=1e-12)
    plain = absolute_effect(control, treatment, Mean(0))
    assert absolute_effect(control, treatment, adjusted).standard_error < plain.standard_error

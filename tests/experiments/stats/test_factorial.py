"""Factorial analyses against least squares with HC2 errors, and against effects put in."""

from itertools import product

import numpy as np
import pytest
import statsmodels.api as sm

from experiments.stats.estimands import Mean
from experiments.stats.factorial import Cell, factorial_analysis, interaction, joint_test
from experiments.stats.moments import ArmMoments, Floats, mean_arm


def arm_of(values: Floats) -> ArmMoments:
    return mean_arm(len(values), float(values.sum()), float(values @ values))


def two_by_two(
    seed: int,
) -> tuple[dict[Cell, ArmMoments], Floats, Floats]:
    """Return cells of unequal sizes and spreads, and the same data as design matrix and outcomes."""
    rng = np.random.default_rng(seed)
    samples = {
        cell: rng.normal(1 + 0.3 * cell[0] - 0.1 * cell[1], 1 + cell[1], size)
        for cell, size in zip(product((0, 1), (0, 1)), (40, 55, 61, 37), strict=True)
    }
    rows = [(1.0, a, b, a * b) for (a, b), values in samples.items() for _ in values]
    outcomes = np.concatenate(list(samples.values()))
    return {cell: arm_of(values) for cell, values in samples.items()}, np.array(rows, dtype=float), outcomes


@pytest.mark.parametrize("seed", range(5))
def test_the_interaction_is_that_of_least_squares_with_hc2(seed: int) -> None:
    cells, design, outcomes = two_by_two(seed)
    fit = sm.OLS(outcomes, design).fit(cov_type="HC2")

    estimate = interaction(cells, Mean())

    assert estimate.value == pytest.approx(fit.params[3], abs=1e-9)
    assert estimate.standard_error == pytest.approx(fit.bse[3], abs=1e-9)


def test_wald_tests_are_those_of_least_squares_with_hc2() -> None:
    cells, design, outcomes = two_by_two(1)
    fit = sm.OLS(outcomes, design).fit(cov_type="HC2")
    analysis = factorial_analysis(cells, (2, 2), Mean())

    joint = fit.wald_test(np.eye(4)[1:], use_f=False, scalar=True)
    main = fit.wald_test(np.array([[0, 1, 0, 0.5]]), use_f=False, scalar=True)

    assert analysis.joint.chi_square == pytest.approx(joint.statistic, rel=1e-9)
    assert analysis.joint.degrees_of_freedom == 3
    assert analysis.main_effects[0].chi_square == pytest.approx(main.statistic, rel=1e-9)
    assert analysis.interactions[0].chi_square == pytest.approx((fit.params[3] / fit.bse[3]) ** 2, rel=1e-9)
    assert analysis.level_effects[0].estimate.value == pytest.approx(fit.params[1] + fit.params[3] / 2, abs=1e-9)


def test_three_factors_of_several_levels() -> None:
    """Effects put in: factor 0 adds .5 at its level 2; factors 1 and 2 act only together."""
    rng = np.random.default_rng(9)
    levels = (3, 2, 2)
    cells = {
        cell: arm_of(rng.normal(0.5 * (cell[0] == 2) + 0.4 * (cell[1] == cell[2]), 1, 4_000))
        for cell in product(*map(range, levels))
    }

    analysis = factorial_analysis(cells, levels, Mean())
    by_factors = {test.factors: test for test in (*analysis.main_effects, *analysis.interactions)}

    assert {factors for factors, test in by_factors.items() if test.p_value < 1e-4} == {(0,), (1, 2)}
    assert by_factors[(0, 1)].degrees_of_freedom == 2
    assert by_factors[(0, 1, 2)].degrees_of_freedom == 2
    assert analysis.joint.degrees_of_freedom == 11
    effects = {(effect.factor, effect.level): effect.estimate for effect in analysis.level_effects}
    assert effects[(0, 2)].value == pytest.approx(0.5, abs=0.06)
    assert effects[(0, 1)].value == pytest.approx(0.0, abs=0.06)


def test_wald_p_values_are_uniform_without_effects() -> None:
    rng = np.random.default_rng(2)
    p_values = [
        factorial_analysis(
            {cell: arm_of(rng.exponential(size=400)) for cell in product(range(3), range(2))}, (3, 2), Mean()
        )
        .interactions[0]
        .p_value
        for _ in range(400)
    ]

    assert np.mean(np.array(p_values) < 0.05) == pytest.approx(0.05, abs=0.03)


def test_a_watched_joint_test_asks_for_more() -> None:
    cells, _, _ = two_by_two(1)
    test = factorial_analysis(cells, (2, 2), Mean()).interactions[0]

    assert test.n == sum(arm.n for arm in cells.values())
    assert test.watched_p_value(n_star=200) > test.p_value


def test_incomplete_factorials_are_refused() -> None:
    arm = mean_arm(10, 10, 20)

    with pytest.raises(ValueError, match="missing"):
        interaction({(0, 0): arm}, Mean())
    with pytest.raises(ValueError, match="two levels"):
        factorial_analysis({(0,): arm}, (1,), Mean())
    with pytest.raises(ValueError, match="two arms"):
        joint_test([arm], Mean())


def test_a_cell_without_spread_concludes_nothing() -> None:
    test = joint_test([mean_arm(10, 10, 20), mean_arm(1, 1, 1)], Mean())

    assert test.p_value == test.watched_p_value() == 1
    assert joint_test([mean_arm(0, 0, 0)] * 2, Mean()).watched_p_value() == 1

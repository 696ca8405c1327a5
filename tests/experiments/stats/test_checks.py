"""Corrections for many comparisons, and the health of an experiment."""

import numpy as np
import pytest
from statsmodels.stats.multitest import multipletests

from experiments.stats.checks import aa_check, imbalance_check, switch_check
from experiments.stats.corrections import Correction, adjusted_p_values
from experiments.stats.estimands import Mean
from experiments.stats.moments import arm_from_sums


@pytest.mark.parametrize("count", [1, 2, 7, 30])
def test_corrections_are_those_of_statsmodels(count: int) -> None:
    p_values = np.random.default_rng(count).uniform(size=count) ** 3
    p_values[-1] = p_values[0]

    for correction, name in ((Correction.HOLM, "holm"), (Correction.BENJAMINI_HOCHBERG, "fdr_bh")):
        expected = multipletests(p_values, method=name)[1]

        assert adjusted_p_values(p_values.tolist(), correction) == pytest.approx(expected, abs=1e-12)


def test_corrections_at_the_edges() -> None:
    assert adjusted_p_values([]) == ()
    assert adjusted_p_values([0.3, 0.01], Correction.NONE) == (0.3, 0.01)
    with pytest.raises(ValueError, match="p-values"):
        adjusted_p_values([1.1])


def test_one_percent_of_switchers_warns() -> None:
    assert not switch_check(10, 1_000).is_too_many
    assert switch_check(11, 1_000).is_too_many
    assert switch_check(0, 0).share == 0
    with pytest.raises(ValueError, match="switchers"):
        switch_check(2, 1)


def test_arms_that_differed_before_the_start() -> None:
    equal = [arm_from_sums(1_000, [1_000, 500], [[2_000, 500], [500, 500]]) for _ in range(2)]
    shifted = arm_from_sums(1_000, [1_200, 500], [[2_440, 600], [600, 500]])

    assert not imbalance_check(equal, [Mean(0), Mean(1)]).is_imbalanced
    check = imbalance_check([equal[0], shifted], [Mean(0), Mean(1)])
    assert check.is_imbalanced
    assert check.p_values[1] == 1


def test_an_honest_a_a_run_is_healthy() -> None:
    check = aa_check(np.random.default_rng(1).uniform(size=1_000).tolist())

    assert check.is_healthy
    assert check.low < 0.05 < check.high
    assert check.uniformity_p > 0.01


def test_an_a_a_run_with_too_many_differences_is_not() -> None:
    p_values = np.random.default_rng(1).uniform(size=1_000) ** 2

    assert not aa_check(p_values.tolist()).is_healthy
    assert aa_check(p_values[:10].tolist()).is_healthy
    assert aa_check([]).comparisons == 0

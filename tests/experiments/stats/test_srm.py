"""Sample ratio mismatch: found where units are lost, silent where they are not, also when watched."""

import numpy as np
import pytest
from scipy import special, stats

from experiments.stats.srm import log_bayes_factor, sequential_srm, srm_check

HALVES = [[0.5, 0.5]]


def test_the_check_is_chi_square() -> None:
    check = srm_check([[480, 520, 1_090]], [[0.25, 0.25, 0.5]])

    expected = stats.chisquare([480, 520, 1_090], np.array([0.25, 0.25, 0.5]) * 2_090)
    assert check.p_value == pytest.approx(expected.pvalue)
    assert check.expected == pytest.approx((522.5, 522.5, 1_045))


def test_weights_may_change_between_epochs() -> None:
    counts, weights = [[9_000, 1_000], [5_000, 5_000]], [[0.9, 0.1], [0.5, 0.5]]

    assert srm_check(counts, weights).p_value == 1
    assert not sequential_srm(counts, weights).is_mismatch
    assert srm_check([[14_000, 6_000]], HALVES).is_mismatch
    assert srm_check(counts, [[0.9, 0.1], [0.53, 0.47]]).is_mismatch


def test_a_unit_in_an_arm_that_should_have_none() -> None:
    assert srm_check([[100, 100, 1]], [[0.5, 0.5, 0.0]]).p_value == 0
    assert sequential_srm([[100, 100, 1]], [[0.5, 0.5, 0.0]]).is_mismatch
    assert srm_check([[100, 100, 0]], [[0.5, 0.5, 0.0]]).p_value == pytest.approx(1)


def test_the_bayes_factor_is_the_ratio_of_probabilities() -> None:
    """By the definition: Dirichlet–multinomial over multinomial probability of the same counts."""
    counts, weights = np.array([30.0, 45.0]), np.array([0.5, 0.5])
    a, b = 50.0 * weights
    marginal = special.betaln(a + 30, b + 45) - special.betaln(a, b)

    factor = log_bayes_factor(counts, weights, concentration=50.0)

    assert factor == pytest.approx(marginal - 75 * np.log(0.5))


def test_nothing_seen_says_nothing() -> None:
    assert srm_check([[0, 0]], HALVES).p_value == 1
    assert sequential_srm([[0, 0]], HALVES).p_value == 1


def test_a_lost_percent_is_found() -> None:
    rng = np.random.default_rng(6)
    losses = rng.binomial(200_000, 0.4925, 300)  # of the second arm 3 % never arrive
    checks = [srm_check([[200_000 - loss, loss]], HALVES).is_mismatch for loss in losses.tolist()]
    watched = [sequential_srm([[200_000 - loss, loss]], HALVES).is_mismatch for loss in losses.tolist()]

    assert np.mean(checks) > 0.99
    assert np.mean(watched) > 0.99


def test_watched_daily_it_rarely_rings_without_a_cause() -> None:
    rng = np.random.default_rng(7)
    first = rng.binomial(2_000, 0.5, (3_000, 60)).cumsum(axis=1)
    counts = np.stack([first, 2_000 * np.arange(1, 61) - first], axis=2).astype(float)

    rings = (log_bayes_factor(counts, np.array([0.5, 0.5])) >= -np.log(0.05)).any(axis=1)

    assert rings.mean() <= 0.05


def test_what_is_refused() -> None:
    with pytest.raises(ValueError, match="tables"):
        srm_check([[1, 2, 3]], HALVES)
    with pytest.raises(ValueError, match="tables"):
        srm_check([[-1, 2]], HALVES)
    with pytest.raises(ValueError, match="weights"):
        sequential_srm([[1, 2]], [[0.0, 0.0]])

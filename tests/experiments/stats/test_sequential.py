"""The always-valid interval: its formulas, its p-value, and how often it is wrong when watched."""

from math import exp, log, sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.stats.estimates import Estimate
from experiments.stats.inference import Alternative
from experiments.stats.sequential import (
    always_valid_bound,
    always_valid_inference,
    always_valid_joint_p,
    always_valid_p,
    mixture_variance,
    one_sided_bound,
    one_sided_p,
)

sizes = st.integers(2, 10_000_000)


def estimate(value: float, n: int, error: float = 1.0) -> Estimate:
    return Estimate(value, error, n - 2.0, n)


def test_the_formulas_as_written() -> None:
    n, t, alpha, n_star = 8_000, 2.5, 0.05, 5_000
    rho2 = (-2 * log(alpha) + log(-2 * log(alpha) + 1)) / n_star
    k = n * rho2 + 1

    conclusion = always_valid_inference(estimate(t, n), alpha=alpha, n_star=n_star)

    assert conclusion.high - t == pytest.approx(sqrt(2 * k * log(sqrt(k) / alpha) / (n * rho2)))
    assert conclusion.p_value == pytest.approx(min(1, sqrt(k) * exp(-rho2 * n * t**2 / (2 * k))))


@given(n=sizes, t=st.floats(-12, 12), n_star=st.floats(10, 1e7))
def test_p_is_below_alpha_exactly_where_the_interval_excludes_zero(n: int, t: float, n_star: float) -> None:
    conclusion = always_valid_inference(estimate(t, n), n_star=n_star)

    if abs(conclusion.p_value - 0.05) > 1e-9:
        assert conclusion.is_significant == (conclusion.p_value < 0.05)


@given(n=sizes, t=st.floats(-12, 12), n_star=st.floats(10, 1e7))
def test_the_one_sided_p_too(n: int, t: float, n_star: float) -> None:
    conclusion = always_valid_inference(estimate(t, n), n_star=n_star, alternative=Alternative.GREATER)

    if abs(conclusion.p_value - 0.05) > 1e-9:
        assert (conclusion.low > 0) == (conclusion.p_value < 0.05)


@pytest.mark.parametrize("n_star", [500, 5_000, 50_000])
def test_it_is_narrowest_against_the_fixed_one_near_n_star(n_star: int) -> None:
    grid = np.geomspace(n_star / 100, n_star * 100, 2_001)

    narrowest = grid[always_valid_bound(grid, alpha=0.05, n_star=n_star).argmin()]

    assert narrowest == pytest.approx(n_star, rel=0.1)
    assert always_valid_bound(n_star, alpha=0.05, n_star=n_star) / 1.959964 == pytest.approx(1.549, abs=0.001)


@pytest.mark.parametrize("mirror", [1, -1])
def test_the_one_sided_interval_is_open_and_tighter(mirror: int) -> None:
    alternative = Alternative.GREATER if mirror == 1 else Alternative.LESS
    two_sided = always_valid_inference(estimate(3.0 * mirror, 5_000))
    one_sided = always_valid_inference(estimate(3.0 * mirror, 5_000), alternative=alternative)

    assert (one_sided.low if mirror == 1 else -one_sided.high) > (two_sided.low if mirror == 1 else -two_sided.high)
    assert (one_sided.high if mirror == 1 else -one_sided.low) == np.inf
    assert one_sided.p_value < two_sided.p_value


def test_watched_fifty_times_without_an_effect() -> None:
    rng = np.random.default_rng(8)
    runs, looks = 4_000, 50
    n = np.linspace(1_000, 1_000 * looks, looks)
    z = np.cumsum(rng.standard_normal((runs, looks)), axis=1) / np.sqrt(np.arange(1, looks + 1))

    two_sided = (always_valid_p(z, n, alpha=0.05, n_star=n[-1]) < 0.05).any(axis=1).mean()
    one_sided = (z > one_sided_bound(n, alpha=0.05, n_star=n[-1])).any(axis=1).mean()

    assert two_sided <= 0.05
    assert one_sided <= 0.05
    assert (np.abs(z) > 1.959964).any(axis=1).mean() > 0.3


@pytest.mark.parametrize("freedom", [1, 3])
def test_a_joint_test_watched_fifty_times(freedom: int) -> None:
    rng = np.random.default_rng(9)
    looks = np.linspace(1, 50, 50)
    z = rng.standard_normal((3_000, 50, freedom)).cumsum(axis=1) / np.sqrt(looks)[:, None]
    chi_square = (z**2).sum(axis=2)

    p_values = always_valid_joint_p(chi_square, freedom, np.linspace(100, 5_000, 50), alpha=0.05, n_star=5_000)

    assert (p_values < 0.05).any(axis=1).mean() <= 0.05
    assert always_valid_joint_p(40.0, freedom, 5_000, alpha=0.05, n_star=5_000) < 1e-4


def test_no_evidence_is_a_p_of_one() -> None:
    assert one_sided_p(-2.0, 100, alpha=0.05, n_star=100) == 1
    assert always_valid_p(0.0, 100, alpha=0.05, n_star=100) == 1


@pytest.mark.parametrize(("alpha", "n_star"), [(0, 10), (1, 10), (0.05, 0)])
def test_what_is_refused(alpha: float, n_star: float) -> None:
    with pytest.raises(ValueError, match="alpha"):
        mixture_variance(alpha, n_star)

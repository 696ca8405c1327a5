"""Effects of tests that stopped early."""

from math import inf, sqrt

import numpy as np
import pytest

from experiments.stats.brownian import Boundaries, even_times
from experiments.stats.estimates import Estimate
from experiments.stats.futility import with_futility
from experiments.stats.group_sequential import spending_boundaries
from experiments.stats.moments import Floats
from experiments.stats.power import AnalysisPlan, InferenceKind, planned_boundaries, planned_futility, required_drift
from experiments.stats.sequential import always_valid_bound
from experiments.stats.unbiased import end_rank, realized_boundaries, stopped_effect


def estimate(z: float, error: float = 0.1) -> Estimate:
    return Estimate(z * error, error, inf, 1000)


def test_one_look_needs_no_correction() -> None:
    effect = stopped_effect(spending_boundaries((1.0,), 0.05), estimate(2.5))

    assert effect.median_unbiased == pytest.approx(0.25)
    assert (effect.low, effect.high) == pytest.approx((0.25 - 0.1959964, 0.25 + 0.1959964))
    assert effect.p_value == pytest.approx(0.0124193, abs=1e-6)


def test_an_early_stop_is_corrected_downwards() -> None:
    boundaries = spending_boundaries(even_times(5)[:3], 0.05)

    effect = stopped_effect(boundaries, estimate(2.8))

    assert effect.median_unbiased < effect.naive.value
    assert effect.low > 0
    assert effect.p_value < 0.05


def test_symmetry() -> None:
    boundaries = spending_boundaries(even_times(5)[:3], 0.05)

    up, down = stopped_effect(boundaries, estimate(2.8)), stopped_effect(boundaries, estimate(-2.8))

    assert down.median_unbiased == pytest.approx(-up.median_unbiased, abs=1e-6)
    assert (down.low, down.high) == pytest.approx((-up.high, -up.low), abs=1e-6)
    assert down.p_value == pytest.approx(up.p_value)


@pytest.mark.parametrize("kind", [InferenceKind.ALWAYS_VALID, InferenceKind.GROUP_SEQUENTIAL])
@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_half_of_all_estimates_lie_below_the_truth(kind: InferenceKind, share: float) -> None:
    """An estimate lies below the truth where the end's rank at the truth is above 1/2: ranks must be uniform."""
    looks = 10
    plan = AnalysisPlan(kind, looks=looks)
    drift = share * required_drift(plan)
    boundaries = with_futility(planned_boundaries(plan), planned_futility(plan))
    rng = np.random.default_rng(11)
    steps = drift / looks + rng.standard_normal((3_000, looks)) / sqrt(looks)
    z = np.cumsum(steps, axis=1) / np.sqrt(boundaries.times)

    ranks = np.array([_rank(boundaries, path, drift) for path in z])

    assert np.mean(ranks < 0.5) == pytest.approx(0.5, abs=0.03)
    assert np.mean(ranks < 0.025) == pytest.approx(0.025, abs=0.012)
    assert np.mean(ranks > 0.975) == pytest.approx(0.025, abs=0.012)


def _rank(boundaries: Boundaries, path: Floats, drift: float) -> float:
    ends = (path >= boundaries.upper) | (path <= boundaries.lower)
    look = int(ends.argmax()) if ends.any() else len(path) - 1
    return end_rank(boundaries, float(path[look]), look=look)(drift)


def test_boundaries_of_the_looks_that_happened() -> None:
    sizes = [100, 300, 301, 302, 900]

    always_valid = realized_boundaries(AnalysisPlan(), 1000, sizes)
    group_sequential = realized_boundaries(AnalysisPlan(InferenceKind.GROUP_SEQUENTIAL), 1000, sizes, is_complete=True)
    fixed = realized_boundaries(AnalysisPlan(InferenceKind.FIXED), 1000, sizes, rule=planned_futility(AnalysisPlan()))

    assert always_valid.times == (0.1, 0.302, 0.9)
    assert always_valid.upper[-1] == pytest.approx(always_valid_bound(900, alpha=0.05, n_star=1000))
    assert group_sequential.upper_exits(0).sum() == pytest.approx(0.025, abs=1e-6)
    assert fixed.upper == pytest.approx((inf, inf, 1.959964))
    assert fixed.lower[0] > -inf


def test_no_spread_no_effect() -> None:
    effect = stopped_effect(spending_boundaries((1.0,), 0.05), Estimate(0.0, 0.0, inf, 10))

    assert (effect.low, effect.high, effect.p_value) == (-inf, inf, 1)

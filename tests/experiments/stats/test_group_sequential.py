"""Planned looks: boundaries as published, α spent in full, and no look beyond the plan."""

from math import inf

import numpy as np
import pytest

from experiments.stats.brownian import Boundaries, even_times, symmetric
from experiments.stats.estimates import Estimate
from experiments.stats.group_sequential import (
    GroupSequentialPlan,
    group_sequential_look,
    obrien_fleming_spending,
    spending_boundaries,
)

# Five even looks, two-sided α = .05, as R's `ldbounds` and `gsDesign` (sfLDOF) print them.
PUBLISHED = [4.8769, 3.3569, 2.6803, 2.2898, 2.0310]
# Drift of a fixed test with 80 % power.
FIXED_DRIFT = 2.8015852


def test_boundaries_are_those_published() -> None:
    assert spending_boundaries(even_times(5), 0.05).upper == pytest.approx(PUBLISHED, abs=2e-4)


@pytest.mark.parametrize("looks", [1, 2, 7, 50])
def test_all_alpha_is_spent(looks: int) -> None:
    boundaries = spending_boundaries(even_times(looks), 0.05)

    assert boundaries.power(0) == pytest.approx(0.025, abs=1e-9)
    assert boundaries.lower_exits(0).sum() == pytest.approx(0.025, abs=1e-9)


def test_one_look_is_the_fixed_test() -> None:
    boundaries = spending_boundaries((1.0,), 0.05)

    assert boundaries.upper[0] == pytest.approx(1.959964, abs=1e-6)
    assert boundaries.power(FIXED_DRIFT) == pytest.approx(0.8, abs=1e-6)


def test_what_fifty_looks_cost() -> None:
    """The figures of the design page: 78 %; 80 % with 5 % more units, stopping on average at 73 % of the plan."""
    boundaries = spending_boundaries(even_times(50), 0.05)
    larger = FIXED_DRIFT * 1.05**0.5

    assert boundaries.power(FIXED_DRIFT) == pytest.approx(0.78, abs=0.005)
    assert boundaries.power(larger) == pytest.approx(0.80, abs=0.005)
    assert boundaries.expected_time(larger) == pytest.approx(0.73, abs=0.01)


def test_integration_agrees_with_simulated_paths() -> None:
    times, drift = (0.1, 0.35, 0.4, 1.0), 2.0
    boundaries = Boundaries(times, (-2.0, -0.5, -0.2, -1.9), (3.0, 2.6, 2.5, 1.9))
    rng = np.random.default_rng(5)
    gaps = np.diff((0.0, *times))
    z = np.cumsum(drift * gaps + np.sqrt(gaps) * rng.standard_normal((200_000, 4)), axis=1) / np.sqrt(times)
    ends = (z >= boundaries.upper) | (z <= boundaries.lower)
    first = ends.argmax(axis=1)
    up = np.take_along_axis(z >= boundaries.upper, first[:, None], axis=1)[:, 0] & ends.any(axis=1)

    shares = [np.mean(up & (first == look)) for look in range(4)]

    assert boundaries.upper_exits(drift) == pytest.approx(shares, abs=0.004)


def test_a_look_far_too_early_has_no_bound() -> None:
    assert spending_boundaries((0.001, 1.0), 0.05).upper[0] == inf
    assert obrien_fleming_spending(0.0, 0.05) == 0


PLAN = GroupSequentialPlan(n_planned=1000, looks=5)


def estimate(n: int, z: float) -> Estimate:
    return Estimate(value=z * 0.1, standard_error=0.1, degrees_of_freedom=inf, n=n)


def test_a_look_beyond_its_bound_is_significant() -> None:
    early = group_sequential_look(PLAN, [200, 400], estimate(400, 3.4))
    too_small = group_sequential_look(PLAN, [200, 400], estimate(400, 3.3))

    assert early.is_significant
    assert not too_small.is_significant
    assert early.bound == pytest.approx(PUBLISHED[1], abs=2e-4)
    assert not early.is_last


def test_boundaries_follow_the_sizes_that_happened() -> None:
    planned = group_sequential_look(PLAN, [200, 400], estimate(400, 1))
    later = group_sequential_look(PLAN, [200, 500], estimate(500, 1))

    assert later.bound < planned.bound


def test_ending_below_the_plan_spends_what_is_left() -> None:
    look = group_sequential_look(PLAN, [200, 800], estimate(800, 2.0), is_complete=True)

    assert look.is_last
    assert look.spent_alpha == 0.05
    assert look.bound < group_sequential_look(PLAN, [200, 800], estimate(800, 2.0)).bound


def test_the_plan_must_not_be_extended() -> None:
    with pytest.raises(ValueError, match="extended"):
        group_sequential_look(PLAN, [500, 1000, 1100], estimate(1100, 2.0))
    with pytest.raises(ValueError, match="5 looks"):
        group_sequential_look(PLAN, [1, 2, 3, 4, 5, 6], estimate(6, 2.0))
    with pytest.raises(ValueError, match="rise"):
        group_sequential_look(PLAN, [500, 500], estimate(500, 2.0))


@pytest.mark.parametrize(("n", "looks", "alpha"), [(0, 5, 0.05), (10, 0, 0.05), (10, 51, 0.05), (10, 5, 1.0)])
def test_plans_that_are_refused(n: int, looks: int, alpha: float) -> None:
    with pytest.raises(ValueError, match="plan"):
        GroupSequentialPlan(n, looks, alpha)


def test_boundaries_that_are_refused() -> None:
    with pytest.raises(ValueError, match="below"):
        Boundaries((1.0,), (2.0,), (1.0,))
    with pytest.raises(ValueError, match="rise"):
        symmetric((), ())


def test_an_estimate_without_spread_concludes_nothing() -> None:
    look = group_sequential_look(PLAN, [1000], Estimate(1.0, 0.0, inf, 1000))

    assert (look.conclusion.low, look.conclusion.high) == (-inf, inf)

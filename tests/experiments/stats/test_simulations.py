"""The benchmark of simulations, small: its worlds and bars, not its figures."""

from math import inf, sqrt

import numpy as np
import pytest

from bench._experiment_worlds import WORLDS, World, simulate
from bench.experiment_simulations import (
    ALWAYS_VALID,
    Figure,
    _decide,
    corrected_effects,
    coverage,
    power_at_fixed_size,
    ramp,
    sample_ratios,
    unequal_shares,
    without_effect,
)
from experiments.stats.brownian import Boundaries
from experiments.stats.estimands import Mean, Ratio
from experiments.stats.estimates import Estimate, absolute_effect
from experiments.stats.futility import with_futility
from experiments.stats.moments import arm_from_sums, mean_arm
from experiments.stats.power import AnalysisPlan, planned_boundaries, planned_futility
from experiments.stats.unbiased import stopped_effect

RUNS = 1_000


@pytest.mark.parametrize("world", WORLDS, ids=lambda world: world.name)
def test_worlds_use_the_formulas_of_the_library(world: World) -> None:
    rng = np.random.default_rng(1)
    looks, units = 4, world.units // 4
    state = rng.bit_generator.state
    watched = simulate(world, rng, runs=1, looks=looks, lift=0.1)
    rng.bit_generator.state = state
    arms = []
    for lift in (0.0, 0.1):
        sums = world.draw(rng, 1, looks, units, lift)[0].sum(axis=0)
        if len(sums) == 2:
            arms.append(mean_arm(looks * units, sums[0], sums[1]))
        else:
            m, d, mm, dd, md = sums
            arms.append(arm_from_sums(looks * units, [m, d], [[mm, md], [md, dd]]))

    effect = absolute_effect(arms[0], arms[1], Mean() if len(arms[0].means) == 1 else Ratio())

    assert watched.effect[0, -1] == pytest.approx(effect.value)
    assert watched.error[0, -1] == pytest.approx(effect.standard_error)
    assert watched.n[-1] == effect.n


@pytest.mark.parametrize("world", WORLDS, ids=lambda world: world.name)
def test_worlds_have_the_variance_they_state(world: World) -> None:
    watched = simulate(world, np.random.default_rng(2), runs=40, looks=4, lift=0.1)

    stated = (world.variance(0.0) + world.variance(0.1)) / (watched.n[-1] / 2)

    assert np.mean(watched.error[:, -1] ** 2) == pytest.approx(stated, rel=0.08)
    assert watched.effect[:, -1].mean() == pytest.approx(0.1 * world.base, abs=5 * sqrt(stated / 40))


def is_near(figure: Figure) -> bool:
    """Tell whether the figure is within its bar, or misses it by what few runs explain: four of its own errors.

    A share near 5 % has an error of √(.05 × .95 / runs), not that of a share near one half.
    """
    if "mean effect" in figure.name:
        return figure.is_met
    low, high = figure.low or 0.0, inf if figure.high is None else figure.high
    return low - _slack(low) <= figure.value <= high + _slack(high)


def _slack(bar: float) -> float:
    return 4 * sqrt(bar * (1 - bar) / RUNS) if 0 < bar < 1 else 0.0


def test_a_false_alarm_rate_of_a_fixed_test_that_is_watched_is_not_near_five_percent() -> None:
    assert is_near(Figure("type I", 0.06, 0.045, 0.055))
    assert not is_near(Figure("type I", 0.12, 0.045, 0.055))
    assert not is_near(Figure("type I", 0.32, high=0.05))
    assert not is_near(Figure("coverage", 0.88, low=0.95))


def test_the_parts_print_their_figures() -> None:
    parts = (without_effect, coverage, power_at_fixed_size, unequal_shares, sample_ratios, ramp)

    figures = [figure for part in parts for figure in part(np.random.default_rng(1), RUNS)]

    assert len({figure.name for figure in figures}) == len(figures)
    assert [figure for figure in figures if not is_near(figure)] == []


def test_corrected_effects_are_those_of_the_library() -> None:
    plan = AnalysisPlan(ALWAYS_VALID, looks=8)
    boundaries = with_futility(planned_boundaries(plan), planned_futility(plan))
    watched = simulate(WORLDS[0], np.random.default_rng(3), runs=60, looks=8, lift=0.08)
    ends = _decide(watched, boundaries)

    corrected = corrected_effects(watched, ends, boundaries)

    for run in range(0, 60, 10):
        look = int(ends.look[run])
        part = Boundaries(*(side[: look + 1] for side in (boundaries.times, boundaries.lower, boundaries.upper)))
        estimate = Estimate(float(watched.effect[run, look]), float(watched.error[run, look]), inf, 1_000)
        assert corrected[run] == pytest.approx(
            stopped_effect(part, estimate).median_unbiased, abs=0.01 * estimate.standard_error
        )

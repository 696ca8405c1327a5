"""The statistics of experiments by simulation: false alarms, coverage, power, early ends and bias, each beside its bar.

    make bench-experiment-simulations ARGS="--runs 20000"

Four worlds (normal values, 1 % conversion, zero-inflated lognormal revenue, a ratio), 50 looks. `experiments/stats`
decides; nothing here knows a formula of a test. Writes `bench/results/experiment_simulations.json`.
"""

import argparse
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from math import sqrt

import numpy as np
from numpy.typing import NDArray
from scipy import special

from bench._experiment_worlds import WORLDS, Floats, Runs, World, simulate
from bench._results import write_results
from experiments.stats.brownian import Boundaries, even_times, symmetric
from experiments.stats.estimands import Mean
from experiments.stats.estimates import Estimate, absolute_effect
from experiments.stats.futility import FutilityRule, with_futility
from experiments.stats.moments import mean_arm, merge_arms, stratify_arms
from experiments.stats.power import (
    AnalysisPlan,
    InferenceKind,
    minimum_effect,
    planned_boundaries,
    planned_futility,
    power_of,
)
from experiments.stats.sequential import always_valid_p
from experiments.stats.srm import SRM_ALPHA, log_bayes_factor, srm_check
from experiments.stats.unbiased import stopped_effect

LOOKS = 50
ALWAYS_VALID, GROUP_SEQUENTIAL, FIXED = InferenceKind
FIXED_BOUND = 1.959964
# Readings of futility for each look.
READINGS = 10
# Of each look, so many z values are corrected exactly; runs lie between them.
CORRECTED_VALUES = 24


@dataclass(frozen=True)
class Figure:
    """A measured value and what it has to be: at most `high`, at least `low`; without both it is for reading."""

    name: str
    value: float
    low: float | None = None
    high: float | None = None

    @property
    def is_met(self) -> bool:
        """Tell whether the value is within its bar."""
        return (self.low is None or self.value >= self.low) and (self.high is None or self.value <= self.high)


def main() -> int:
    """Print every figure beside its bar; exit 1 where one is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="", help="names of parts, joined by commas")
    options = parser.parse_args()
    figures = []
    for name, part in PARTS.items():
        if options.only and name not in options.only.split(","):
            continue
        for figure in part(np.random.default_rng(options.seed), options.runs):
            figures.append(figure)
            print(line(figure), flush=True)
    write_results("experiment_simulations", {f.name: asdict(f) | {"is_met": f.is_met} for f in figures})
    return int(not all(figure.is_met for figure in figures))


def without_effect(rng: np.random.Generator, runs: int) -> Iterator[Figure]:
    """A/A: how often a test watched 50 times is ever significant, and how wide the always-valid interval ends."""
    for world in WORLDS:
        watched = simulate(world, rng, runs=runs, looks=LOOKS, lift=0.0)
        p_values = always_valid_p(watched.z, watched.n, alpha=0.05, n_star=float(watched.n[-1]))
        yield Figure(
            f"A/A {world.name}: always-valid, ever significant", _share((p_values < 0.05).any(axis=1)), high=0.05
        )
        sequential = _decide(watched, planned_boundaries(AnalysisPlan(GROUP_SEQUENTIAL)))
        yield Figure(f"A/A {world.name}: group-sequential, type I", _share(sequential.is_significant), 0.045, 0.055)
        yield Figure(f"A/A {world.name}: fixed, at the end", _share(np.abs(watched.z[:, -1]) > FIXED_BOUND))
        yield Figure(
            f"A/A {world.name}: fixed, watched 50 times", _share((np.abs(watched.z) > FIXED_BOUND).any(axis=1))
        )
        chance = special.ndtr(np.abs(watched.z))
        yield Figure(f"A/A {world.name}: chance to win ever above 95 %", _share((chance > 0.95).any(axis=1)))
    ratio = planned_boundaries(AnalysisPlan()).upper[-1] / FIXED_BOUND
    yield Figure("always-valid half-width at the end / fixed", ratio, high=1.7)


def coverage(rng: np.random.Generator, runs: int) -> Iterator[Figure]:
    """With an effect: how often the always-valid interval holds the truth at all 50 looks."""
    plan = AnalysisPlan()
    bounds = np.array(planned_boundaries(plan).upper)
    for world in WORLDS:
        lift, truth = _planned_lift(world, plan)
        watched = simulate(world, rng, runs=runs, looks=LOOKS, lift=lift)
        misses = np.abs(watched.effect - truth) > bounds * watched.error
        yield Figure(f"coverage {world.name}: at all looks", 1 - _share(misses.any(axis=1)), low=0.95)
        yield Figure(f"coverage {world.name}: at the end", 1 - _share(misses[:, -1]), low=0.95)


def power_at_fixed_size(rng: np.random.Generator, runs: int) -> Iterator[Figure]:
    """At the size at which the fixed test has 80 %: what the watched ones find."""
    for world in WORLDS:
        lift, _ = _planned_lift(world, AnalysisPlan(FIXED))
        watched = simulate(world, rng, runs=runs, looks=LOOKS, lift=lift)
        for kind, bar in ((ALWAYS_VALID, None), (GROUP_SEQUENTIAL, 0.76), (FIXED, None)):
            decided = _decide(watched, planned_boundaries(AnalysisPlan(kind)))
            yield Figure(f"power at the fixed size, {world.name}: {kind}", _share(decided.is_won), low=bar)


def unequal_shares(rng: np.random.Generator, runs: int) -> Iterator[Figure]:
    """At 90 to 10: false alarms, and whether the size that the calculator gives has its power."""
    for kind in InferenceKind:
        plan = AnalysisPlan(kind, shares=(0.9, 0.1))
        boundaries = planned_boundaries(plan)
        low, high = (None, 0.05) if kind is ALWAYS_VALID else (0.045, 0.055)
        for world in WORLDS[:2]:
            idle = _decide(simulate(world, rng, runs=runs, looks=LOOKS, lift=0.0, shares=plan.shares), boundaries)
            name = f"shares 90 to 10, {kind}, {world.name}"
            yield Figure(f"{name}: type I", _share(idle.is_significant), low, high)
            lift, _ = _planned_lift(world, plan)
            watched = simulate(world, rng, runs=runs, looks=LOOKS, lift=lift, shares=plan.shares)
            yield Figure(f"{name}: power", _share(_decide(watched, boundaries).is_won), 0.77, 0.83)


def calculator(rng: np.random.Generator, runs: int) -> Iterator[Figure]:
    """Twenty designs for each inference: simulated power less the calculator's, in the four worlds in turn."""
    for kind in InferenceKind:
        gaps = []
        for index in range(20):
            plan = AnalysisPlan(
                kind,
                alpha=float(rng.choice([0.01, 0.05, 0.1])),
                power=float(rng.choice([0.6, 0.7, 0.8, 0.9])),
                looks=int(rng.choice([7, 14, 28, 50])),
            )
            world = WORLDS[index % len(WORLDS)]
            lift, truth = _planned_lift(world, plan)
            watched = simulate(world, rng, runs=runs, looks=plan.looks, lift=lift)
            promised = power_of(
                truth,
                world.variance(0.0),
                float(watched.n[-1]),
                plan,
                treatment_variance=world.variance(lift),
            )
            gaps.append(_share(_decide(watched, planned_boundaries(plan)).is_won) - promised)
        yield Figure(f"calculator, {kind}: largest gap of 20 designs", float(np.abs(gaps).max()), high=0.03)
        yield Figure(f"calculator, {kind}: mean gap", float(np.mean(gaps)))


def futility(rng: np.random.Generator, runs: int) -> Iterator[Figure]:
    """Where no effect is, futility ends the test early; where the planned one is, little power is lost.

    Futility is read READINGS times as often as the looks come, as pages and policies do.
    """
    for kind in InferenceKind:
        plan = AnalysisPlan(kind)
        boundaries = _read_often(planned_boundaries(plan))
        stopped = _with_first_time(boundaries, planned_futility(plan))
        for world in WORLDS[:2]:
            idle = _decide(simulate(world, rng, runs=runs, looks=LOOKS * READINGS, lift=0.0), stopped)
            yield Figure(f"futility, {kind}, {world.name}: mean end without effect", idle.mean_time, high=0.6)
            lift, _ = _planned_lift(world, plan)
            watched = simulate(world, rng, runs=runs, looks=LOOKS * READINGS, lift=lift)
            loss = _share(_decide(watched, boundaries).is_won) - _share(_decide(watched, stopped).is_won)
            yield Figure(f"futility, {kind}, {world.name}: power lost", loss, high=0.02)


def bias(rng: np.random.Generator, runs: int) -> Iterator[Figure]:
    """Effects of tests that stop by themselves: the median over all runs, and the same given shipping."""
    for kind in (ALWAYS_VALID, GROUP_SEQUENTIAL):
        plan = AnalysisPlan(kind)
        boundaries = with_futility(planned_boundaries(plan), planned_futility(plan))
        for world in WORLDS[:2]:
            planned_lift, planned_truth = _planned_lift(world, plan)
            for share in (1.0, 0.5):
                watched = simulate(world, rng, runs=runs, looks=LOOKS, lift=share * planned_lift)
                decided, truth = _decide(watched, boundaries), share * planned_truth
                corrected = corrected_effects(watched, decided, boundaries)
                naive = watched.effect[np.arange(len(decided.look)), decided.look]
                name = f"bias, {kind}, {world.name}, {share:.0%} of the planned effect"
                yield Figure(f"{name}: median-unbiased, all runs", _median_bias(corrected, truth), -0.05, 0.05)
                yield Figure(f"{name}: naive, all runs", _median_bias(naive, truth))
                yield Figure(f"{name}: median-unbiased, if shipped", _median_bias(corrected[decided.is_won], truth))
                yield Figure(f"{name}: naive, if shipped", _median_bias(naive[decided.is_won], truth))
                yield Figure(f"{name}: naive mean, if shipped", float(naive[decided.is_won].mean() / truth - 1))


def sample_ratios(rng: np.random.Generator, runs: int) -> Iterator[Figure]:
    """Sample ratio mismatch: one χ² at the end, and the sequential test watched 50 times."""
    for name, share in (("none", 0.5), ("one point", 0.49)):
        first = rng.binomial(1_000, share, (runs, LOOKS)).cumsum(axis=1)
        counts = np.stack([first, 1_000 * np.arange(1, LOOKS + 1) - first], axis=2).astype(np.float64)
        factors = log_bayes_factor(counts, np.array([0.5, 0.5])).max(axis=1)
        ends = [srm_check([row], [[0.5, 0.5]]).is_mismatch for row in counts[:, -1].astype(int).tolist()]
        is_silent = share == 0.5
        # A binomial rate of .001 over 20,000 runs lies below .0017 with a probability of .998.
        bar = SRM_ALPHA + 3 * sqrt(SRM_ALPHA / runs) if is_silent else None
        yield Figure(f"SRM, mismatch {name}: χ² at 50,000 units", float(np.mean(ends)), high=bar)
        for alpha in (0.05, SRM_ALPHA):
            rings = _share(factors >= -np.log(alpha))
            yield Figure(f"SRM, mismatch {name}: sequential at {alpha}", rings, high=alpha if is_silent else None)


def ramp(rng: np.random.Generator, runs: int) -> Iterator[Figure]:
    """A ramp 10 → 25 → 50 % while the mean rises from 10 to 14, without an effect: pooled and by epoch."""
    pooled, by_epoch = [], []
    for _ in range(min(runs, 2_000)):
        epochs = []
        for base, share in ((10.0, 0.1), (12.0, 0.25), (14.0, 0.5)):
            sizes = (round(4_000 * (1 - share)), round(4_000 * share))
            values = [rng.normal(base, 20.0, n) for n in sizes]
            epochs.append([mean_arm(len(v), float(v.sum()), float(v @ v)) for v in values])
        joined = [merge_arms(arms) for arms in zip(*epochs, strict=True)]
        pooled.append(absolute_effect(joined[0], joined[1], Mean()).value)
        control, treatment = stratify_arms(epochs)
        by_epoch.append(absolute_effect(control, treatment, Mean()))
    effects = np.array([estimate.value for estimate in by_epoch])
    missed = np.abs([estimate.statistic for estimate in by_epoch]) > FIXED_BOUND
    limit = 4 * float(effects.std()) / sqrt(len(effects))
    yield Figure("ramp under a trend: mean effect, by epoch", float(effects.mean()), -limit, limit)
    yield Figure("ramp under a trend: false alarms, by epoch", _share(missed), 0.035, 0.065)
    yield Figure("ramp under a trend: mean effect, pooled", float(np.mean(pooled)))


PARTS = {
    "without_effect": without_effect,
    "coverage": coverage,
    "power": power_at_fixed_size,
    "unequal_shares": unequal_shares,
    "calculator": calculator,
    "futility": futility,
    "bias": bias,
    "sample_ratios": sample_ratios,
    "ramp": ramp,
}


@dataclass(frozen=True)
class Ends:
    """Where each run ended: the index of its look, and whether it won, lost, or neither."""

    look: NDArray[np.intp]
    is_won: NDArray[np.bool_]
    is_significant: NDArray[np.bool_]
    mean_time: float


def _decide(watched: Runs, boundaries: Boundaries) -> Ends:
    """Return how runs end at these boundaries."""
    z = watched.z
    ends = (z >= boundaries.upper) | (z <= boundaries.lower)
    look = np.where(ends.any(axis=1), ends.argmax(axis=1), z.shape[1] - 1)
    last, upper = z[np.arange(len(z)), look], np.array(boundaries.upper)[look]
    times = np.array(boundaries.times)
    return Ends(look, last >= upper, np.abs(last) >= upper, float(times[look].mean()))


def _read_often(boundaries: Boundaries) -> Boundaries:
    """Return the boundaries with READINGS readings for each look; those between looks find no effect."""
    bounds = np.full((len(boundaries.times), READINGS), np.inf)
    bounds[:, -1] = boundaries.upper
    return symmetric(even_times(bounds.size), bounds.ravel().tolist())


def _with_first_time(boundaries: Boundaries, rule: FutilityRule) -> Boundaries:
    """Return the boundaries at which futility ends a test as well, from the rule's first time on."""
    stopped = with_futility(boundaries, rule)
    low = [
        bound if time >= rule.first_time else -np.inf for time, bound in zip(stopped.times, stopped.lower, strict=True)
    ]
    return Boundaries(stopped.times, tuple(low), stopped.upper)


def corrected_effects(watched: Runs, ends: Ends, boundaries: Boundaries) -> Floats:
    """Return the median-unbiased effect of every run: exact at some z values of each look, interpolated between."""
    effects = np.empty(len(ends.look))
    z = watched.z[np.arange(len(ends.look)), ends.look]
    for look in np.unique(ends.look).tolist():
        members = ends.look == look
        part = _first_looks(boundaries, look)
        grid = _grid(z[members], part)
        exact = [stopped_effect(part, Estimate(value, 1.0, np.inf, 2)).median_unbiased for value in grid.tolist()]
        effects[members] = np.interp(z[members], grid, exact) * watched.error[members, look]
    return effects


def _grid(z: Floats, boundaries: Boundaries) -> Floats:
    """Return z values over the range of those given, with both sides of each boundary."""
    edges = [bound + side for bound in (boundaries.lower[-1], boundaries.upper[-1]) for side in (-1e-6, 1e-6)]
    inside = [edge for edge in edges if z.min() < edge < z.max()]
    return np.unique(np.concatenate([np.linspace(z.min(), z.max(), CORRECTED_VALUES), inside]))


def _first_looks(boundaries: Boundaries, look: int) -> Boundaries:
    end = look + 1
    return Boundaries(boundaries.times[:end], boundaries.lower[:end], boundaries.upper[:end])


def _planned_lift(world: World, plan: AnalysisPlan) -> tuple[float, float]:
    """Return the lift, and the absolute effect, that the plan finds with its power at the world's size."""
    n, lift = 2.0 * (world.units // plan.looks) * plan.looks, 0.0
    for _ in range(8):  # the treatment's variance depends on the effect
        effect = minimum_effect(world.variance(0.0), n, plan, treatment_variance=world.variance(lift))
        lift = effect / world.base
    return lift, effect


def _share(flags: NDArray[np.bool_] | np.bool_) -> float:
    return float(np.mean(flags))


def _median_bias(effects: Floats, truth: float) -> float:
    return float(np.median(effects) / truth - 1)


def line(figure: Figure) -> str:
    bar = " ".join(
        part
        for part in (
            f"≥ {figure.low:.4f}" if figure.low is not None else "",
            f"≤ {figure.high:.4f}" if figure.high is not None else "",
        )
        if part
    )
    verdict = ("ok" if figure.is_met else "MISSED") if bar else ""
    return f"{figure.name:78} {figure.value:9.4f}  {bar:22} {verdict}".rstrip()


if __name__ == "__main__":
    sys.exit(main())

"""The effect of a test that may have stopped early: median-unbiased, with the naive estimate beside it.

A test that stops because the effect looks large overstates it. So all ways to end are ordered by stages. Stopped early
at the upper boundary is highest, stopped early at the lower one is lowest. Between them the value at the last look
decides. The estimate is the effect under which an end as high as this one, or higher, has probability 1/2; the interval
takes α/2 and 1 − α/2. Sources: Fairbanks and Madsen (1982); for Brownian motion arXiv 2606.24871.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np
from scipy import optimize, special

from experiments.stats.brownian import Boundaries, symmetric
from experiments.stats.estimates import Estimate
from experiments.stats.futility import FutilityRule, unwatched, with_futility
from experiments.stats.group_sequential import spending_boundaries
from experiments.stats.inference import no_conclusion
from experiments.stats.power import AnalysisPlan, InferenceKind
from experiments.stats.sequential import always_valid_bound

# The root lies within so many standard errors of the naive estimate.
BRACKET = 9.0
# Of looks closer together than this share of the last size, one is taken for all.
SMALLEST_GAP = 0.01


@dataclass(frozen=True, slots=True)
class StoppedEffect:
    """The effect at the end of a watched test; `naive` is the plain estimate at the last look."""

    median_unbiased: float
    low: float
    high: float
    p_value: float
    naive: Estimate
    alpha: float


def stopped_effect(boundaries: Boundaries, estimate: Estimate, *, alpha: float = 0.05) -> StoppedEffect:
    """Return the median-unbiased effect of a test that ended at the last look of `boundaries`.

    `estimate` is the plain one at that look. `p_value` is the two-sided stage-wise one. An estimate without standard
    error gives an open interval.
    """
    if not estimate.is_usable:
        empty = no_conclusion(estimate, alpha)
        return StoppedEffect(estimate.value, empty.low, empty.high, 1.0, estimate, alpha)
    time = boundaries.times[-1]
    rank = end_rank(boundaries, estimate.statistic)
    unit = estimate.standard_error * sqrt(time)
    median, low, high = (
        unit * _drift_of(rank, share, estimate.statistic, time) for share in (0.5, alpha / 2, 1 - alpha / 2)
    )
    at_zero = rank(0.0)
    return StoppedEffect(median, low, high, min(1.0, 2 * min(at_zero, 1 - at_zero)), estimate, alpha)


def realized_boundaries(
    plan: AnalysisPlan,
    n_planned: int,
    sizes: Sequence[int],
    *,
    rule: FutilityRule | None = None,
    is_complete: bool = False,
) -> Boundaries:
    """Return the boundaries of the looks that happened: `sizes` are the units of the two arms at each, rising.

    Give the looks until the test ended: up to the first at which it said stop, or the last one before people did.
    `rule` is the futility rule if the test would have been ended by it at every look; leave it out where people decide.
    `is_complete` is for a group-sequential test that ended below its plan.
    """
    times = tuple(size / n_planned for size in _spaced(sizes))
    if plan.kind is InferenceKind.GROUP_SEQUENTIAL:
        boundaries = spending_boundaries(times, plan.alpha, is_complete=is_complete)
    elif plan.kind is InferenceKind.FIXED:
        boundaries = unwatched(times, -float(special.ndtri(plan.alpha / 2)))
    else:
        scale = (plan.n_star or n_planned) / n_planned
        boundaries = symmetric(times, always_valid_bound(np.array(times), alpha=plan.alpha, n_star=scale).tolist())
    return boundaries if rule is None else with_futility(boundaries, rule)


def _spaced(sizes: Sequence[int]) -> list[int]:
    """Return the sizes without those too close to a later one; the last stays."""
    spaced: list[int] = []
    for size in reversed(sizes):
        if not spaced or spaced[-1] - size >= SMALLEST_GAP * sizes[-1]:
            spaced.append(size)
    return spaced[::-1]


def end_rank(boundaries: Boundaries, z: float, *, look: int = -1) -> Callable[[float], float]:
    """Return the function drift → probability of an end as high as z at this look, or higher.

    An end below the lower boundary is ranked from below, since it is lower than every end at a later look.
    """
    look %= len(boundaries.times)
    time, paths = boundaries.times[look], boundaries.paths[look]
    level = z * sqrt(time)
    if z <= boundaries.lower[look]:
        return lambda drift: (
            1.0 - float(boundaries.lower_exits(drift, looks=look).sum()) - paths.below(time, level, drift)
        )
    return lambda drift: float(boundaries.upper_exits(drift, looks=look).sum()) + paths.above(time, level, drift)


def _drift_of(rank: Callable[[float], float], share: float, z: float, time: float) -> float:
    """Return the drift under which the end has this rank, within BRACKET standard errors of the naive one."""
    root = sqrt(time)
    low, high = (z - BRACKET) / root, (z + BRACKET) / root
    if rank(low) >= share:
        return low
    if rank(high) <= share:
        return high
    return float(optimize.brentq(lambda drift: rank(drift) - share, low, high, xtol=1e-8 / root))

"""Stop early where an improvement can hardly be shown any more. This spends no α: whoever goes on all the same is safe.

Predictive power (Spiegelhalter, Freedman and Blackburn 1986): the chance, given the data and a flat prior, that the
value at the planned end lies above the last bound. Below a threshold the test is futile. The threshold is chosen so
that it costs at most so much power as one is ready to lose, however often the test is read from its first planned look
on.
"""

from dataclasses import dataclass
from functools import lru_cache
from math import inf, sqrt

import numpy as np
from scipy import optimize, special

from experiments.stats.brownian import DISCRETE_SHIFT, Boundaries

POWER_LOSS = 0.015
# Thresholds tried, as normal scores: a chance of 3e-7 to one of .84.
LOWEST_SCORE, HIGHEST_SCORE = -5.0, 1.0


@dataclass(frozen=True, slots=True)
class FutilityRule:
    """Stop where the predictive power is below `threshold`; what that costs and saves if the plan is right.

    Times are shares of the plan: the mean share at which the test ends without any effect, and with the planned one.
    Before `first_time`, the first planned look, nothing is futile: a path that only begins swings far.
    """

    threshold: float
    first_time: float
    final_bound: float
    power: float
    power_without_rule: float
    time_without_effect: float
    time_with_effect: float

    def is_futile(self, z: float, time: float) -> bool:
        """Tell whether a reading at share `time` of the plan, with statistic z, ends the test as futile."""
        return time >= self.first_time and predictive_power(z, time, self.final_bound) < self.threshold


def predictive_power(z: float, time: float, final_bound: float) -> float:
    """Return the chance that z at the planned end exceeds `final_bound`, given z at share `time` > 0 of the plan."""
    if time >= 1:
        return 1.0 if z >= final_bound else 0.0
    return float(special.ndtr((z - final_bound * sqrt(time)) / sqrt(1 - time)))


@lru_cache(maxsize=128)
def futility_rule(boundaries: Boundaries, drift: float, *, power_loss: float = POWER_LOSS) -> FutilityRule:
    """Return the rule for a test with these two-sided boundaries that was planned for a drift θ > 0.

    The upper boundary stays as it is: futility does not bind. Futile means that no improvement will be shown, so harm
    ends the test as well. Pages and policies read the rule far more often than at the looks, so it is computed for
    whoever reads all the time: at looks, that is like a boundary which lies higher.
    """
    full = boundaries.power(drift)

    def watched(score: float) -> Boundaries:
        return _with_futility(boundaries, score, boundaries.upper[-1], shift=DISCRETE_SHIFT)

    def excess(score: float) -> float:
        return full - watched(score).power(drift) - power_loss

    score = HIGHEST_SCORE if excess(HIGHEST_SCORE) < 0 else LOWEST_SCORE
    if score == LOWEST_SCORE:
        score = float(optimize.brentq(excess, LOWEST_SCORE, HIGHEST_SCORE, xtol=1e-3))
    stopped = watched(score)
    return FutilityRule(
        threshold=float(special.ndtr(score)),
        first_time=boundaries.times[0],
        final_bound=boundaries.upper[-1],
        power=stopped.power(drift),
        power_without_rule=full,
        time_without_effect=stopped.expected_time(0.0),
        time_with_effect=stopped.expected_time(drift),
    )


def with_futility(boundaries: Boundaries, rule: FutilityRule) -> Boundaries:
    """Return the boundaries of looks at which the rule ends a test as well; times are shares of the plan."""
    return _with_futility(boundaries, float(special.ndtri(rule.threshold)), rule.final_bound)


def _with_futility(boundaries: Boundaries, score: float, final: float, *, shift: float = 0.0) -> Boundaries:
    """Return the boundaries with z ≤ c √t + score √(1 − t) as lower boundary before the plan's end.

    c is the plan's last bound, `score` the normal score of the threshold. On the scale z √t the boundary is raised by
    `shift` × √(time since the look before).
    """
    gaps = np.diff((0.0, *boundaries.times)).tolist()
    looks = zip(boundaries.times, gaps, boundaries.lower, boundaries.upper, strict=True)
    lower = [
        min(max(low, final * sqrt(time) + score * sqrt(1 - time) + shift * sqrt(gap / time)), high) if time < 1 else low
        for time, gap, low, high in looks
    ]
    return Boundaries(boundaries.times, tuple(lower), boundaries.upper)


def unwatched(times: tuple[float, ...], bound: float) -> Boundaries:
    """Return the boundaries of a fixed-horizon test: looks at `times` decide nothing, the last one ±bound."""
    before = len(times) - 1
    return Boundaries(times, (-inf,) * before + (-bound,), (inf,) * before + (bound,))

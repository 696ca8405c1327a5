"""Group-sequential tests: planned looks, nearly the fixed test's power, may stop early, must not be extended.

Lan and DeMets (1983): α is spent as information comes in, here as O'Brien and Fleming's boundary would. The boundary of
a look follows from the sizes at which the looks really happened.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import inf, sqrt

from scipy import optimize, special

from experiments.stats.brownian import REACH, START, Boundaries, Paths, require_rising, symmetric
from experiments.stats.estimates import Estimate
from experiments.stats.inference import Conclusion, interval, no_conclusion

MOST_LOOKS = 50
# α too small to place a boundary for.
NOTHING = 1e-13


@dataclass(frozen=True, slots=True)
class GroupSequentialPlan:
    """`n_planned` units of all arms together, at most `looks` looks."""

    n_planned: int
    looks: int = MOST_LOOKS
    alpha: float = 0.05

    def __post_init__(self) -> None:
        if self.n_planned < 1 or not 1 <= self.looks <= MOST_LOOKS or not 0 < self.alpha < 1:
            raise ValueError(f"a plan needs units, 1 to {MOST_LOOKS} looks and alpha in (0, 1)")


@dataclass(frozen=True, slots=True)
class GroupSequentialLook:
    """What one look says. The interval is the repeated one: it holds at all looks together."""

    conclusion: Conclusion
    bound: float
    spent_alpha: float
    is_last: bool

    @property
    def is_significant(self) -> bool:
        """Tell whether the look stops the test with an effect."""
        return self.conclusion.is_significant


def obrien_fleming_spending(time: float, alpha: float) -> float:
    """Return the two-sided α spent at information `time`: 4 (1 − Φ(z_{α/4} / √t)), all of it from t = 1 on."""
    if time >= 1:
        return alpha
    return float(4 * special.ndtr(special.ndtri(alpha / 4) / sqrt(time))) if time > 0 else 0.0


@lru_cache(maxsize=512)
def spending_boundaries(times: tuple[float, ...], alpha: float, *, is_complete: bool = False) -> Boundaries:
    """Return the two-sided boundaries ±z of looks at these times; `is_complete` spends all α at the last one."""
    require_rising(times)
    paths, spent, bounds = START, 0.0, []
    for look, time in enumerate(times):
        is_last = look == len(times) - 1
        budget = alpha if is_last and is_complete else obrien_fleming_spending(time, alpha)
        bounds.append(_bound(paths, time, (budget - spent) / 2))
        spent = max(spent, budget)
        if not is_last:
            level = bounds[-1] * sqrt(time)
            paths = paths.advance(time, -level, level, gap=times[look + 1] - time)
    return symmetric(times, bounds)


def group_sequential_look(
    plan: GroupSequentialPlan, sizes: Sequence[int], estimate: Estimate, *, is_complete: bool = False
) -> GroupSequentialLook:
    """Return the verdict of the latest look; `sizes` are the units at every look so far, this one last.

    `is_complete` ends the test here although the plan is not full, and spends what α is left. Raises ValueError where
    sizes do not rise, looks are more than planned, or an earlier look had reached the planned size.
    """
    times = tuple(size / plan.n_planned for size in sizes)
    if len(times) > plan.looks:
        raise ValueError(f"the plan allows {plan.looks} looks")
    if any(time >= 1 for time in times[:-1]):
        raise ValueError("a group-sequential test must not be extended beyond its planned size")
    is_last = is_complete or times[-1] >= 1 or len(times) == plan.looks
    boundaries = spending_boundaries(times, plan.alpha, is_complete=is_last)
    spent = plan.alpha if is_last else obrien_fleming_spending(times[-1], plan.alpha)
    bound = boundaries.upper[-1]
    return GroupSequentialLook(_conclusion(estimate, bound, plan.alpha), bound, spent, is_last)


def _conclusion(estimate: Estimate, bound: float, alpha: float) -> Conclusion:
    """Return the repeated interval; p is the nominal one, read against the look's bound and not against alpha."""
    if not estimate.is_usable or bound == inf:
        return no_conclusion(estimate, alpha)
    p_value = 2 * float(special.ndtr(-abs(estimate.statistic)))
    return interval(estimate, bound * estimate.standard_error, p_value, alpha)


def _bound(paths: Paths, time: float, share: float) -> float:
    """Return the z that running paths exceed at `time` with probability `share`."""
    if share <= NOTHING:
        return inf
    root = sqrt(time)
    return float(optimize.brentq(lambda z: paths.above(time, z * root) - share, -REACH, REACH, xtol=1e-10))

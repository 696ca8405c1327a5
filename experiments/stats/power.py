"""Size, power, duration and smallest detectable effect of a planned test, and what each inference costs.

A test of an effect δ with standard error se at its planned end has the drift θ = δ / se. Each inference needs its own
drift for a power: the fixed test z_{α/2} + z_β, the watched ones more. Units needed grow with θ².
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from math import ceil, exp, log, sqrt

import numpy as np
from scipy import optimize, special

from experiments.stats.brownian import DISCRETE_SHIFT, Boundaries, even_times, symmetric
from experiments.stats.estimands import Estimand
from experiments.stats.futility import FutilityRule, futility_rule, unwatched
from experiments.stats.group_sequential import MOST_LOOKS, spending_boundaries
from experiments.stats.moments import ArmMoments
from experiments.stats.sequential import always_valid_bound, mixture_variance


class InferenceKind(StrEnum):
    """The three ways to conclude, chosen when a test is designed."""

    ALWAYS_VALID = "always_valid"
    GROUP_SEQUENTIAL = "group_sequential"
    FIXED = "fixed"


@dataclass(frozen=True, slots=True)
class AnalysisPlan:
    """What a test is asked to do. `shares` are the weights of control and treatment among all units, sum at most 1.

    `n_star` None means N* of the plan: the planned number of units of the two arms.
    """

    kind: InferenceKind = InferenceKind.ALWAYS_VALID
    alpha: float = 0.05
    power: float = 0.8
    looks: int = MOST_LOOKS
    shares: tuple[float, float] = (0.5, 0.5)
    n_star: float | None = None

    def __post_init__(self) -> None:
        if not 0 < self.alpha < 1 or not self.alpha < self.power < 1:
            raise ValueError("alpha must lie in (0, 1) and power in (alpha, 1)")
        if not 1 <= self.looks <= MOST_LOOKS:
            raise ValueError(f"looks must be 1 to {MOST_LOOKS}")
        if min(self.shares) <= 0 or sum(self.shares) > 1 + 1e-9:
            raise ValueError("shares must be positive and sum to at most 1")

    def ratio(self, n: float | None) -> float:
        """Return n / N* for `n` units of the two arms: 1 where N* comes from the plan or plays no part.

        Raises ValueError where N* is given and `n` is not.
        """
        if self.n_star is None or self.kind is not InferenceKind.ALWAYS_VALID:
            return 1.0
        if n is None:
            raise ValueError("with a given N* the units are needed")
        return n / self.n_star


@dataclass(frozen=True, slots=True)
class SampleSize:
    """Units needed: of control and treatment, and of the experiment with all its arms."""

    control: int
    treatment: int
    experiment: int

    @property
    def compared(self) -> int:
        """Return the units of the two arms: N* of the always-valid test, the plan of the group-sequential one."""
        return self.control + self.treatment


@dataclass(frozen=True, slots=True)
class InferenceCost:
    """What an inference costs for one effect. Times are mean shares of its own plan, with futility stops."""

    kind: InferenceKind
    size: SampleSize
    size_ratio: float
    power_at_fixed_size: float
    interval_ratio: float
    time_with_effect: float
    time_without_effect: float


def unit_variance(arm: ArmMoments, estimand: Estimand) -> float:
    """Return the variance of the estimand per unit, ∇' Σ ∇: what sizes are computed from."""
    _, gradient = estimand.linearize(arm.mean_vector)
    return float(gradient @ arm.covariance_matrix @ gradient)


def proportion_variance(rate: float) -> float:
    """Return the variance of a yes-or-no outcome; the treatment's rate is the control's plus the effect."""
    return rate * (1 - rate)


def sample_size(
    effect: float, variance: float, plan: AnalysisPlan, *, treatment_variance: float | None = None
) -> SampleSize:
    """Return the units needed to find an absolute `effect` of a metric with this variance per unit.

    `treatment_variance` is the treatment's, where it is known to differ: `proportion_variance` of its rate.
    Raises ValueError where the effect is 0 or the variance is not positive.
    """
    if effect == 0 or variance <= 0:
        raise ValueError("an effect other than 0 and a positive variance are needed")
    spread = _spread(variance, treatment_variance, plan)
    if plan.n_star is None or plan.kind is not InferenceKind.ALWAYS_VALID:
        total = spread * (required_drift(plan) / effect) ** 2
    else:
        total = _size_with_given_n_star(abs(effect), spread, plan)
    return _sizes(total, plan)


def power_of(
    effect: float, variance: float, n: float, plan: AnalysisPlan, *, treatment_variance: float | None = None
) -> float:
    """Return the probability that the test finds an absolute `effect` with `n` units of the two arms together."""
    if n <= 0 or variance <= 0:
        return plan.alpha / 2
    return drift_power(abs(effect) * sqrt(n / _spread(variance, treatment_variance, plan)), plan, n)


def minimum_effect(variance: float, n: float, plan: AnalysisPlan, *, treatment_variance: float | None = None) -> float:
    """Return the smallest absolute effect that a test with `n` units of the two arms finds with the plan's power."""
    if n <= 0 or variance <= 0:
        raise ValueError("units and a positive variance are needed")
    return required_drift(plan, n) * sqrt(_spread(variance, treatment_variance, plan) / n)


def duration_days(size: SampleSize, units_per_day: float, *, coverage: float = 1.0, whole_weeks: bool = True) -> int:
    """Return the days until the experiment has its units; new units per day, of which `coverage` take part.

    Whole weeks by default, since weekdays differ. Raises ValueError where no unit would come.
    """
    if units_per_day * coverage <= 0:
        raise ValueError("traffic and coverage must be positive")
    days = ceil(size.experiment / (units_per_day * coverage))
    return 7 * ceil(days / 7) if whole_weeks else days


def inference_costs(
    effect: float, variance: float, plan: AnalysisPlan, *, treatment_variance: float | None = None
) -> tuple[InferenceCost, ...]:
    """Return for each inference its size, its power at the fixed test's size, its mean duration: for a design form."""
    plans = [_with_kind(plan, kind) for kind in InferenceKind]
    sizes = [sample_size(effect, variance, each, treatment_variance=treatment_variance) for each in plans]
    fixed = sizes[list(InferenceKind).index(InferenceKind.FIXED)].compared
    return tuple(
        _cost(each, size, fixed, power_of(effect, variance, fixed, each, treatment_variance=treatment_variance))
        for each, size in zip(plans, sizes, strict=True)
    )


@lru_cache(maxsize=256)
def required_drift(plan: AnalysisPlan, n: float | None = None) -> float:
    """Return the drift at which the test has its power; its units `n` are needed only where N* is given."""
    if plan.kind is InferenceKind.FIXED:
        # Without the other tail, as calculators do: it adds less than 1e-6 to a power of .8.
        return float(special.ndtri(plan.power) - special.ndtri(plan.alpha / 2))
    guess = _drift_guess(plan, plan.ratio(n))
    return float(
        optimize.newton(lambda drift: drift_power(drift, plan, n) - plan.power, guess, x1=1.02 * guess, tol=1e-6)
    )


def drift_power(drift: float, plan: AnalysisPlan, n: float | None = None) -> float:
    """Return the power at a drift: in closed form for the fixed test, integrated over the looks for the others."""
    if plan.kind is InferenceKind.FIXED:
        return float(special.ndtr(drift + special.ndtri(plan.alpha / 2)))
    return planned_boundaries(plan, n).power(drift)


def crossing_power(drift: float, *, alpha: float, ratio: float, looks: int) -> float:
    """Return the chance that the always-valid bound is crossed before n = ratio × N*, in closed form.

    On the scale S = z √t the bound g is concave with g² = 2u (½ ln u − ln α) / x and u = xt + 1, x = nρ². Its tangent
    at the end lies above it, and a Brownian motion crosses a straight line with a known probability. The idea is that
    of arXiv 2606.18366; looks are corrected for after Siegmund. From 28 looks on and n = N* it is at most 2 points too
    low, so sizes start from it and are then made exact.
    """
    x = ratio * mixture_variance(alpha, 1.0)
    tail = 0.5 * log(x + 1) - log(alpha)
    level = sqrt(2 * (x + 1) / x * tail)
    slope = (2 * tail + 1) / (2 * level)
    start = level - slope + DISCRETE_SHIFT / sqrt(looks)
    pull = drift - slope
    direct = float(special.ndtr(pull - start))
    reflected = exp(2 * start * pull + float(special.log_ndtr(-start - pull)))
    return min(1.0, direct + reflected)


def planned_boundaries(plan: AnalysisPlan, n: float | None = None) -> Boundaries:
    """Return the boundaries of the plan at evenly spaced looks; its units `n` are needed only where N* is given."""
    times = even_times(plan.looks)
    if plan.kind is InferenceKind.FIXED:
        return unwatched(times, -float(special.ndtri(plan.alpha / 2)))
    if plan.kind is InferenceKind.GROUP_SEQUENTIAL:
        return spending_boundaries(times, plan.alpha)
    return _always_valid_boundaries(plan.alpha, plan.looks, plan.ratio(n))


def planned_futility(plan: AnalysisPlan, n: float | None = None) -> FutilityRule:
    """Return the futility rule of a test sized by `sample_size`; its units `n` are needed only where N* is given."""
    return futility_rule(planned_boundaries(plan, n), required_drift(plan, n))


@lru_cache(maxsize=64)
def _always_valid_boundaries(alpha: float, looks: int, ratio: float) -> Boundaries:
    times = even_times(looks)
    return symmetric(times, always_valid_bound(np.array(times) * ratio, alpha=alpha, n_star=1.0).tolist())


def _drift_guess(plan: AnalysisPlan, ratio: float) -> float:
    """Return about the drift that has the power: closed form where always-valid, else a little above the fixed one."""
    fixed = float(special.ndtri(plan.power) - special.ndtri(plan.alpha / 2))
    if plan.kind is not InferenceKind.ALWAYS_VALID:
        return 1.02 * fixed

    def gap(drift: float) -> float:
        return crossing_power(drift, alpha=plan.alpha, ratio=ratio, looks=plan.looks) - plan.power

    return float(optimize.brentq(gap, 0.0, 10 * fixed))


def _cost(plan: AnalysisPlan, size: SampleSize, fixed: int, power_at_fixed_size: float) -> InferenceCost:
    """Return the costs; widths compare the intervals at the end of the fixed test's size."""
    rule = planned_futility(plan, size.compared)
    return InferenceCost(
        kind=plan.kind,
        size=size,
        size_ratio=size.compared / fixed,
        power_at_fixed_size=power_at_fixed_size,
        interval_ratio=planned_boundaries(plan, fixed).upper[-1] / -float(special.ndtri(plan.alpha / 2)),
        time_with_effect=rule.time_with_effect,
        time_without_effect=rule.time_without_effect,
    )


def _with_kind(plan: AnalysisPlan, kind: InferenceKind) -> AnalysisPlan:
    return AnalysisPlan(kind, plan.alpha, plan.power, plan.looks, plan.shares, plan.n_star)


def _spread(variance: float, treatment_variance: float | None, plan: AnalysisPlan) -> float:
    """Return n × se²: the effect's variance times the units of the two arms."""
    control, treatment = _split(plan.shares)
    return variance / control + (variance if treatment_variance is None else treatment_variance) / treatment


def _split(shares: Sequence[float]) -> tuple[float, float]:
    return shares[0] / sum(shares), shares[1] / sum(shares)


def _size_with_given_n_star(effect: float, spread: float, plan: AnalysisPlan) -> float:
    """Return the units of the two arms at which the power is reached for a given N*."""
    unit = spread / effect**2

    def gap(factor: float, power: Callable[[float, float], float]) -> float:
        return power(sqrt(factor), unit * factor) - plan.power

    def closed_form(drift: float, n: float) -> float:
        return crossing_power(drift, alpha=plan.alpha, ratio=plan.ratio(n), looks=plan.looks)

    guess = float(optimize.brentq(gap, 0.1, 1_000.0, args=(closed_form,)))
    exact = optimize.newton(
        gap, guess, x1=0.97 * guess, args=(lambda drift, n: drift_power(drift, plan, n),), tol=1e-4 * guess
    )
    return unit * float(exact)


def _sizes(total: float, plan: AnalysisPlan) -> SampleSize:
    """Return the units to the nearest one: a size is no sharper than the variance it was computed from."""
    control, treatment = (max(2, round(total * share)) for share in _split(plan.shares))
    return SampleSize(control, treatment, max(control + treatment, round(total / sum(plan.shares))))

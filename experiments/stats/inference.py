"""From an estimate to an interval and a p-value: the fixed-horizon method, and the record that all methods return."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from math import inf, isfinite

from scipy import special

from experiments.stats.estimands import Estimand
from experiments.stats.estimates import Estimate, absolute_effect, relative_effect
from experiments.stats.moments import ArmMoments


class Alternative(StrEnum):
    """Which deviation from 0 counts."""

    TWO_SIDED = "two-sided"
    GREATER = "greater"
    LESS = "less"


@dataclass(frozen=True, slots=True)
class Conclusion:
    """An estimate with the interval of level 1 − alpha and the p-value against 0.

    Where the estimate is not usable the interval is (−∞, ∞) and p is 1: no conclusion.
    """

    estimate: Estimate
    low: float
    high: float
    p_value: float
    alpha: float

    @property
    def is_significant(self) -> bool:
        """Tell whether the interval excludes 0."""
        return self.low > 0 or self.high < 0


@dataclass(frozen=True, slots=True)
class Comparison:
    """Treatment against control. The absolute effect decides; the relative one is for reading."""

    absolute: Conclusion
    relative: Conclusion

    @property
    def is_significant(self) -> bool:
        """Tell whether the absolute effect is significant."""
        return self.absolute.is_significant


Method = Callable[[Estimate], Conclusion]


def compare(control: ArmMoments, treatment: ArmMoments, estimand: Estimand, method: Method) -> Comparison:
    """Return the absolute and the relative effect, each with an interval by the method."""
    return Comparison(
        absolute=method(absolute_effect(control, treatment, estimand)),
        relative=method(relative_effect(control, treatment, estimand)),
    )


def fixed_inference(
    estimate: Estimate, *, alpha: float = 0.05, alternative: Alternative = Alternative.TWO_SIDED
) -> Conclusion:
    """Return Welch's t interval and p-value. Valid for one look at a size planned before."""
    if not estimate.is_usable:
        return no_conclusion(estimate, alpha)
    freedom, t = estimate.degrees_of_freedom, estimate.statistic
    if alternative is Alternative.TWO_SIDED:
        level, p_value = alpha / 2, 2 * _below(-abs(t), freedom)
    else:
        level, p_value = alpha, _below(t if alternative is Alternative.LESS else -t, freedom)
    return interval(estimate, _reach(level, freedom) * estimate.standard_error, p_value, alpha, alternative)


def interval(
    estimate: Estimate,
    radius: float,
    p_value: float,
    alpha: float,
    alternative: Alternative = Alternative.TWO_SIDED,
) -> Conclusion:
    """Return the inference with this half-width; a one-sided one is open to the side of its alternative."""
    low = -inf if alternative is Alternative.LESS else estimate.value - radius
    high = inf if alternative is Alternative.GREATER else estimate.value + radius
    return Conclusion(estimate, low, high, min(p_value, 1.0), alpha)


def no_conclusion(estimate: Estimate, alpha: float) -> Conclusion:
    """Return the inference of an estimate without a usable standard error."""
    return Conclusion(estimate, -inf, inf, 1.0, alpha)


def _below(t: float, freedom: float) -> float:
    """Return P(T ≤ t) for Student's t, or for the normal distribution where the degrees of freedom are infinite."""
    return float(special.stdtr(freedom, t) if isfinite(freedom) else special.ndtr(t))


def _reach(level: float, freedom: float) -> float:
    """Return the t > 0 that is exceeded with probability `level`."""
    return -float(special.stdtrit(freedom, level) if isfinite(freedom) else special.ndtri(level))

"""From an estimate to an interval and a p-value: the fixed-horizon method, and the record that all methods return."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from math import inf

import numpy as np
from scipy import stats

from experiments.stats.arms import Arm
from experiments.stats.estimands import Estimand
from experiments.stats.estimates import Estimate, absolute_effect, relative_effect


class Alternative(StrEnum):
    """Which deviation from 0 counts."""

    TWO_SIDED = "two-sided"
    GREATER = "greater"
    LESS = "less"


@dataclass(frozen=True, slots=True)
class Inference:
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

    absolute: Inference
    relative: Inference

    @property
    def is_significant(self) -> bool:
        """Tell whether the absolute effect is significant."""
        return self.absolute.is_significant


Method = Callable[[Estimate], Inference]


def compare(control: Arm, treatment: Arm, estimand: Estimand, method: Method) -> Comparison:
    """Return the absolute and the relative effect, each with an interval by the method."""
    return Comparison(
        absolute=method(absolute_effect(control, treatment, estimand)),
        relative=method(relative_effect(control, treatment, estimand)),
    )


def fixed_inference(
    estimate: Estimate, *, alpha: float = 0.05, alternative: Alternative = Alternative.TWO_SIDED
) -> Inference:
    """Return Welch's t interval and p-value. Valid for one look at a size planned before."""
    if not estimate.is_usable:
        return no_conclusion(estimate, alpha)
    freedom, t = estimate.degrees_of_freedom, estimate.statistic
    distribution = stats.t(freedom) if np.isfinite(freedom) else stats.norm()
    two_sided = alternative is Alternative.TWO_SIDED
    radius = float(distribution.isf(alpha / 2 if two_sided else alpha)) * estimate.standard_error
    tails = {
        Alternative.TWO_SIDED: lambda: 2 * distribution.sf(abs(t)),
        Alternative.GREATER: lambda: distribution.sf(t),
        Alternative.LESS: lambda: distribution.cdf(t),
    }
    return interval(estimate, radius, float(tails[alternative]()), alpha, alternative)


def interval(
    estimate: Estimate,
    radius: float,
    p_value: float,
    alpha: float,
    alternative: Alternative = Alternative.TWO_SIDED,
) -> Inference:
    """Return the inference with this half-width; a one-sided one is open to the side of its alternative."""
    low = -inf if alternative is Alternative.LESS else estimate.value - radius
    high = inf if alternative is Alternative.GREATER else estimate.value + radius
    return Inference(estimate, low, high, min(p_value, 1.0), alpha)


def no_conclusion(estimate: Estimate, alpha: float) -> Inference:
    """Return the inference of an estimate without a usable standard error."""
    return Inference(estimate, -inf, inf, 1.0, alpha)

"""Estimates with their standard errors: of an arm, of the effect between two arms, of a contrast of many.

Var = ∇h' Σ ∇h / n for each arm, summed over independent arms. Degrees of freedom after Welch and Satterthwaite.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf, isfinite, nan, sqrt

from experiments.stats.estimands import Estimand
from experiments.stats.moments import ArmMoments, Floats


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value with its standard error; `n` counts the units of all arms in it.

    `standard_error` is NaN where the data allow none: an arm with fewer than two units, or a ratio over 0.
    """

    value: float
    standard_error: float
    degrees_of_freedom: float
    n: int

    @property
    def is_usable(self) -> bool:
        """Tell whether there is a spread to conclude from."""
        return isfinite(self.value) and isfinite(self.standard_error) and self.standard_error > 0

    @property
    def statistic(self) -> float:
        """Return value / standard error, or 0 where the estimate is not usable."""
        return self.value / self.standard_error if self.is_usable else 0.0


def arm_estimate(arm: ArmMoments, estimand: Estimand) -> Estimate:
    """Return the estimand's value in one arm."""
    return contrast([arm], [1.0], estimand)


def absolute_effect(control: ArmMoments, treatment: ArmMoments, estimand: Estimand) -> Estimate:
    """Return treatment − control, in the estimand's own unit."""
    return contrast([control, treatment], [-1.0, 1.0], estimand)


def relative_effect(control: ArmMoments, treatment: ArmMoments, estimand: Estimand) -> Estimate:
    """Return (treatment − control) / control's unadjusted value, as a share: .05 is 5 %.

    Linear delta method over both arms together. Degrees of freedom are those of the absolute effect. Where control's
    value is 0 the estimate is not usable.
    """
    absolute = absolute_effect(control, treatment, estimand)
    value_a, gradient_a = estimand.linearize(control.mean_vector)
    value_b, gradient_b = estimand.linearize(treatment.mean_vector)
    base, base_gradient = estimand.baseline.linearize(control.mean_vector)
    if not absolute.is_usable or base == 0:
        return Estimate(nan, nan, absolute.degrees_of_freedom, absolute.n)
    difference = value_b - value_a
    slope = -gradient_a / base - difference * base_gradient / base**2
    variance = _variance(control, slope) + _variance(treatment, gradient_b / base)
    return Estimate(difference / base, sqrt(variance), absolute.degrees_of_freedom, absolute.n)


def contrast(arms: Sequence[ArmMoments], weights: Sequence[float], estimand: Estimand) -> Estimate:
    """Return Σ wᵢ h(armᵢ): an effect, a main effect, an interaction. Raises ValueError where lengths differ."""
    parts = [(arm, weight, *estimand.linearize(arm.mean_vector)) for arm, weight in zip(arms, weights, strict=True)]
    value = sum(weight * h for _, weight, h, _ in parts)
    n = sum(arm.n for arm in arms)
    if min((arm.n for arm in arms), default=0) < 2:
        return Estimate(value, nan, nan, n)
    variances = [_variance(arm, weight * gradient) for arm, weight, _, gradient in parts]
    return Estimate(value, sqrt(sum(variances)), welch_satterthwaite(variances, [arm.n for arm in arms]), n)


def add_estimates(estimates: Sequence[Estimate], weights: Sequence[float]) -> Estimate:
    """Return the weighted sum of independent estimates, with Welch–Satterthwaite degrees of freedom."""
    pairs = list(zip(estimates, weights, strict=True))
    variances = [(weight * estimate.standard_error) ** 2 for estimate, weight in pairs]
    spread = sum(v**2 / e.degrees_of_freedom for v, e in zip(variances, estimates, strict=True))
    freedom = sum(variances) ** 2 / spread if spread > 0 else inf
    value = sum(weight * estimate.value for estimate, weight in pairs)
    return Estimate(value, sqrt(sum(variances)), freedom, sum(e.n for e in estimates))


def welch_satterthwaite(variances: Sequence[float], sizes: Sequence[int]) -> float:
    """Return the degrees of freedom of a sum of independent means with these variances (of the mean) and sizes."""
    spread = sum(v**2 / (n - 1) for v, n in zip(variances, sizes, strict=True))
    return sum(variances) ** 2 / spread if spread > 0 else inf


def _variance(arm: ArmMoments, gradient: Floats) -> float:
    """Return ∇' Σ ∇ / n, never below 0 by rounding."""
    return max(float(gradient @ arm.covariance_matrix @ gradient), 0.0) / arm.n

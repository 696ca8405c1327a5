"""The estimates of `experiments.stats.estimates` for all rows and arms of a metric at once.

Formulas are those of the scalar functions; a test compares both. Every treatment is compared with the control, the arm
at place 0, stratified by epoch: an epoch's weight is its share of the units of the two arms.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from experiments.analysis.tables import Sums, triangle_place
from experiments.stats.estimates import Estimate
from experiments.stats.moments import ArmMoments, Floats, stratify_arms


@dataclass(frozen=True, slots=True)
class Fraction:
    """Where a mean stands among the variables, or the two parts of a ratio."""

    top: int
    bottom: int | None = None

    @property
    def places(self) -> list[int]:
        """One place or two."""
        return [self.top] if self.bottom is None else [self.top, self.bottom]

    def linearized(self, means: Floats) -> tuple[Floats, Floats]:
        """Return the value and its gradient by the means, float64[...] and float64[..., j]; NaN over 0."""
        gradient = np.zeros_like(means)
        if self.bottom is None:
            gradient[..., self.top] = 1.0
            return means[..., self.top], gradient
        above, below = means[..., self.top], means[..., self.bottom]
        value = np.where(below == 0, np.nan, above / below)
        gradient[..., self.top], gradient[..., self.bottom] = 1 / below, -above / below**2
        return value, gradient


@dataclass(frozen=True, slots=True)
class Layout:
    """Where a metric's variables stand among the `width` of the cells: the outcome, and the same before the exposure.

    `is_binary` says that the outcome is 0 or 1, so that its variance is p(1 − p).
    """

    width: int
    outcome: Fraction
    covariate: Fraction | None = None
    is_binary: bool = False

    @property
    def places(self) -> list[int]:
        """The places that are needed: those of the outcome, then those of the covariate."""
        return [*self.outcome.places, *([] if self.covariate is None else self.covariate.places)]

    @property
    def local(self) -> tuple[Fraction, Fraction | None]:
        """Outcome and covariate among `places`."""
        outcome = Fraction(0, None if self.outcome.bottom is None else 1)
        if self.covariate is None:
            return outcome, None
        start = len(self.outcome.places)
        return outcome, Fraction(start, None if self.covariate.bottom is None else start + 1)

    def without_covariate(self) -> "Layout":
        """Return the layout of the outcome alone."""
        return replace(self, covariate=None)


@dataclass(frozen=True, slots=True)
class Moments:
    """n float64[...], means float64[..., j] and the covariance of one unit float64[..., j, j]."""

    n: Floats
    means: Floats
    covariance: Floats


@dataclass(frozen=True, slots=True)
class Effects:
    """Estimates float64[R, T] of T treatments against the control; `n` are the units of the two arms.

    `errors` are standard errors, NaN where there are none.
    """

    n: Floats
    values: Floats
    errors: Floats
    freedom: Floats
    shares: Floats
    share_errors: Floats
    control: Floats

    def absolute(self, row: int, treatment: int) -> Estimate:
        """Return one absolute effect as the scalar functions know it."""
        place = row, treatment
        return Estimate(
            float(self.values[place]), float(self.errors[place]), float(self.freedom[place]), int(self.n[place])
        )


def moments_of(sums: Sums, places: list[int], *, width: int, is_binary: bool = False) -> Moments:
    """Return the moments of the variables at these places in each cell; `is_binary` is about the first one."""
    pairs = [[triangle_place(one, other, width) for other in places] for one in places]
    n = sums.n
    size = np.maximum(n, 1.0)[..., None]
    means = sums.sums[..., places] / size
    scatter = sums.products[..., np.array(pairs)] - (size * means)[..., :, None] * means[..., None, :]
    covariance = scatter / np.maximum(n - 1, 1.0)[..., None, None]
    diagonal = np.arange(len(places))
    covariance[..., diagonal, diagonal] = np.maximum(covariance[..., diagonal, diagonal], 0.0)
    if is_binary:
        covariance[..., 0, 0] = means[..., 0] * (1 - means[..., 0])
    return Moments(n, means, covariance)


def first_arms(moments: Moments, epochs: Sequence[int]) -> tuple[ArmMoments, ...]:
    """Return the arms of the first row, stratified over these epochs, as the scalar functions know them."""
    arms = range(moments.n.shape[2])
    return stratify_arms(
        [
            [
                ArmMoments(
                    int(moments.n[epoch, 0, arm]),
                    tuple(moments.means[epoch, 0, arm].tolist()),
                    tuple(map(tuple, moments.covariance[epoch, 0, arm].tolist())),
                )
                for arm in arms
            ]
            for epoch in epochs
        ]
    )


def arm_values(sums: Sums, layout: Layout) -> Floats:
    """Return the metric's plain value of each row and arm, float64[R, A], all epochs together; NaN without units."""
    n, totals = sums.n.sum(axis=0), sums.sums[..., layout.outcome.places].sum(axis=0)
    below = n if layout.outcome.bottom is None else totals[..., 1]
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.where((n > 0) & (below != 0), totals[..., 0] / below, np.nan))


@dataclass(frozen=True, slots=True)
class Strata:
    """Control and treatments of all rows, [R, T], stratified by epoch."""

    control: Moments
    treatment: Moments
    layout: Layout

    def effects(self, *, with_covariate: bool = True) -> Effects:
        """Return the effects of all rows and treatments, adjusted by the covariate if there is one."""
        layout = self.layout if with_covariate else self.layout.without_covariate()
        with np.errstate(invalid="ignore", divide="ignore"):
            return _compare(self.control, self.treatment, layout, _theta(self.control, self.treatment, layout))


def strata_of(sums: Sums, layout: Layout) -> Strata:
    """Return what effects are computed from."""
    moments = moments_of(sums, layout.places, width=layout.width, is_binary=layout.is_binary)
    return Strata(*_strata(moments), layout)


def _strata(moments: Moments) -> tuple[Moments, Moments]:
    """Return control and treatments, each [R, T]: the mean over epochs, and n × the covariance of that mean."""
    n_control, n_treatment = np.broadcast_arrays(moments.n[..., :1], moments.n[..., 1:])
    usable = np.minimum(n_control, n_treatment) >= 2
    weights = np.where(usable, n_control + n_treatment, 0.0)
    weights = weights / np.maximum(weights.sum(axis=0, keepdims=True), 1.0)
    control, treatment = slice(0, 1), slice(1, None)
    return (
        _weighted(weights, np.where(usable, n_control, 0.0), moments, control),
        _weighted(weights, np.where(usable, n_treatment, 0.0), moments, treatment),
    )


def _weighted(weights: Floats, n: Floats, moments: Moments, arms: slice) -> Moments:
    means, covariance = moments.means[:, :, arms], moments.covariance[:, :, arms]
    mean = (weights[..., None] * means).sum(axis=0)
    factor = weights**2 / np.maximum(n, 1.0)
    spread = (factor[..., None, None] * covariance).sum(axis=0)
    total = n.sum(axis=0)
    return Moments(total, mean, total[..., None, None] * spread)


def _theta(control: Moments, treatment: Moments, layout: Layout) -> Floats | None:
    """Return θ = cov(post, pre) / var(pre), 0 without any spread before the exposure; None without covariate.

    Means take both from the two arms joined, ratios sum them over the arms, linearized.
    """
    outcome, covariate = layout.local
    if covariate is None:
        return None
    if outcome.bottom is None:
        products, squares = (
            _joined(control, treatment, 0, covariate.top),
            _joined(control, treatment, *[covariate.top] * 2),
        )
    else:
        slopes = [
            (arm, outcome.linearized(arm.means)[1], covariate.linearized(arm.means)[1]) for arm in (control, treatment)
        ]
        first, second = (_quadratic(post, arm.covariance, pre) for arm, post, pre in slopes)
        products = first + second
        first, second = (_quadratic(pre, arm.covariance, pre) for arm, _, pre in slopes)
        squares = first + second
    return np.where(squares > 0, products / np.where(squares > 0, squares, 1.0), 0.0)


def _joined(control: Moments, treatment: Moments, first: int, second: int) -> Floats:
    """Return the scatter of two variables over the two arms joined: the covariance times the units less one."""
    shift = treatment.means - control.means
    within = np.maximum(control.n - 1, 0) * control.covariance[..., first, second]
    within = within + np.maximum(treatment.n - 1, 0) * treatment.covariance[..., first, second]
    weight = control.n * treatment.n / np.maximum(control.n + treatment.n, 1.0)
    return np.asarray(within + weight * shift[..., first] * shift[..., second])


def _compare(control: Moments, treatment: Moments, layout: Layout, theta: Floats | None) -> Effects:
    base, base_gradient = layout.local[0].linearized(control.means)
    value_a, gradient_a = _linearized(control.means, layout, theta)
    value_b, gradient_b = _linearized(treatment.means, layout, theta)
    difference = value_b - value_a
    variance_a, variance_b = _variance(control, gradient_a), _variance(treatment, gradient_b)
    errors = np.sqrt(variance_a + variance_b)
    is_usable = (np.minimum(control.n, treatment.n) >= 2) & np.isfinite(difference) & (errors > 0)
    slope = -gradient_a / base[..., None] - (difference / base**2)[..., None] * base_gradient
    share_variance = _variance(control, slope) + variance_b / base**2
    is_relative = is_usable & (base != 0)
    parts = variance_a**2 / (control.n - 1) + variance_b**2 / (treatment.n - 1)
    return Effects(
        n=control.n + treatment.n,
        values=difference,
        errors=_where(is_usable, errors),
        freedom=np.where(parts > 0, (variance_a + variance_b) ** 2 / parts, np.inf),
        shares=_where(is_relative, difference / base),
        share_errors=_where(is_relative, np.sqrt(share_variance)),
        control=base,
    )


def _linearized(means: Floats, layout: Layout, theta: Floats | None) -> tuple[Floats, Floats]:
    """Return the outcome less θ times the covariate, and its gradient by the means."""
    outcome, covariate = layout.local
    value, gradient = outcome.linearized(means)
    if theta is None or covariate is None:
        return value, gradient
    before, slope = covariate.linearized(means)
    # Where nobody has a covariate θ is 0, and the value is not adjusted.
    used = theta != 0
    return (
        value - np.where(used, theta * before, 0.0),
        gradient - np.where(used[..., None], theta[..., None] * slope, 0.0),
    )


def _variance(arm: Moments, gradient: Floats) -> Floats:
    """Return ∇' Σ ∇ / n, never below 0 by rounding."""
    return np.asarray(np.maximum(_quadratic(gradient, arm.covariance, gradient), 0.0) / np.maximum(arm.n, 1.0))


def _quadratic(left: Floats, matrix: Floats, right: Floats) -> Floats:
    return np.asarray(((matrix @ right[..., None])[..., 0] * left).sum(axis=-1))


def _where(usable: NDArray[np.bool_], values: Floats) -> Floats:
    return np.where(usable, values, np.nan)

"""The sufficient statistics of an arm: its size, its mean vector and its covariance matrix.

Everything else is computed from these. Arms can be added, so counts per day, segment or epoch add up to the total.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class ArmMoments:
    """`n` units with means float[k] and covariance float[k][k] of one unit."""

    n: int
    means: tuple[float, ...]
    covariance: tuple[tuple[float, ...], ...]

    @property
    def mean_vector(self) -> Floats:
        """Return the means as float64[k]."""
        return np.asarray(self.means, dtype=np.float64)

    @property
    def covariance_matrix(self) -> Floats:
        """Return the covariance of one unit as float64[k, k]."""
        return np.asarray(self.covariance, dtype=np.float64).reshape(len(self.means), len(self.means))


def arm_from_sums(n: int, sums: Sequence[float], products: Sequence[Sequence[float]]) -> ArmMoments:
    """Return the arm with these sums Σxᵢ, float[k], and sums of products Σxᵢxⱼ, float[k][k], over `n` units.

    The covariance divides by n − 1. Raises ValueError where `n` is negative or shapes differ.
    """
    total = np.asarray(sums, dtype=np.float64)
    cross = np.asarray(products, dtype=np.float64)
    if n < 0 or cross.shape != (len(total), len(total)):
        raise ValueError("an arm needs n >= 0, k sums and k × k sums of products")
    if n == 0:
        return _arm(0, np.zeros_like(total), np.zeros_like(cross))
    covariance = (cross - np.outer(total, total) / n) / (n - 1) if n > 1 else np.zeros_like(cross)
    np.fill_diagonal(covariance, np.maximum(np.diag(covariance), 0.0))
    return _arm(n, total / n, covariance)


def mean_arm(n: int, total: float, squares: float) -> ArmMoments:
    """Return the arm of one variable from Σx and Σx²."""
    return arm_from_sums(n, [total], [[squares]])


def proportion_arm(n: int, successes: float) -> ArmMoments:
    """Return the arm of a yes-or-no outcome, with the variance p(1 − p) of a proportion."""
    share = successes / n if n else 0.0
    return ArmMoments(n, (share,), ((share * (1 - share),),))


def ratio_arm(
    n: int, *, numerator: tuple[float, float], denominator: tuple[float, float], product: float
) -> ArmMoments:
    """Return the arm of two variables from (Σ, Σ²) of each and the sum of their products."""
    (top, top_squares), (bottom, bottom_squares) = numerator, denominator
    return arm_from_sums(n, [top, bottom], [[top_squares, product], [product, bottom_squares]])


def merge_arms(arms: Sequence[ArmMoments]) -> ArmMoments:
    """Return all units of the arms as one arm; empty arms add nothing. Raises ValueError where there is no arm."""
    if not arms:
        raise ValueError("there is no arm to merge")
    n = sum(arm.n for arm in arms)
    if n == 0:
        return arms[0]
    center = sum((arm.n * arm.mean_vector for arm in arms), np.zeros(len(arms[0].means))) / n
    scatter = np.zeros((len(center), len(center)))
    for arm in arms:
        shift = arm.mean_vector - center
        scatter += max(arm.n - 1, 0) * arm.covariance_matrix + arm.n * np.outer(shift, shift)
    return _arm(n, center, scatter / max(n - 1, 1))


def stratify_arms(epochs: Sequence[Sequence[ArmMoments]]) -> tuple[ArmMoments, ...]:
    """Return one arm for each position, every epoch weighted by its share of all units.

    `epochs[e][a]` is arm `a` in epoch `e`. All arms get the same weights, so a trend over time cancels even where the
    weights of arms changed. An epoch in which an arm has fewer than two units allows no comparison and is left out.
    Raises ValueError where no epoch remains.
    """
    usable = [epoch for epoch in epochs if min(arm.n for arm in epoch) >= 2]
    if not usable:
        raise ValueError("no epoch has two units in every arm")
    sizes = np.array([sum(arm.n for arm in epoch) for epoch in usable], dtype=np.float64)
    shares = sizes / sizes.sum()
    return tuple(_weighted_arm(strata, shares) for strata in zip(*usable, strict=True))


def _weighted_arm(strata: Sequence[ArmMoments], shares: Floats) -> ArmMoments:
    """Return an arm whose mean is the weighted mean, and whose covariance / n is the covariance of that mean."""
    n = sum(arm.n for arm in strata)
    mean = sum((share * arm.mean_vector for share, arm in zip(shares, strata, strict=True)), np.zeros(1))
    spread = sum((w**2 * arm.covariance_matrix / arm.n for w, arm in zip(shares, strata, strict=True)), np.zeros(1))
    return _arm(n, np.asarray(mean), n * np.asarray(spread))


def _arm(n: int, means: Floats, covariance: Floats) -> ArmMoments:
    return ArmMoments(n, tuple(means.tolist()), tuple(tuple(row) for row in covariance.tolist()))

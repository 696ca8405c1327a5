"""Always-valid inference: look when you like, stop when you like.

The asymptotic confidence sequence of Waudby-Smith et al., "Time-uniform central limit theory and asymptotic confidence
sequences" (arXiv 2103.06476): two-sided bound eq. 9, its p-value eq. 155, tuning eq. 161, one-sided bound eq. 134.
`n` counts the units of all arms; the interval is narrowest, relative to the fixed one, where n is near N*.
"""

from math import log

import numpy as np
from numpy.typing import NDArray

from experiments.stats.estimates import Estimate
from experiments.stats.inference import Alternative, Conclusion, interval, no_conclusion
from experiments.stats.moments import Floats

DEFAULT_N_STAR = 5_000.0


def mixture_variance(alpha: float, n_star: float) -> float:
    """Return ρ² = (−2 ln α + ln(−2 ln α + 1)) / N*. Raises ValueError outside 0 < α < 1, N* > 0."""
    if not 0 < alpha < 1 or n_star <= 0:
        raise ValueError("alpha must lie in (0, 1) and N* must be positive")
    return (-2 * log(alpha) + log(-2 * log(alpha) + 1)) / n_star


def always_valid_bound(n: NDArray[np.float64] | float, *, alpha: float, n_star: float) -> Floats:
    """Return how many standard errors the two-sided interval reaches to each side, for each n > 0."""
    x = np.asarray(n, dtype=np.float64) * mixture_variance(alpha, n_star)
    return np.asarray(np.sqrt(2 * (x + 1) / x * np.log(np.sqrt(x + 1) / alpha)))


def one_sided_bound(n: NDArray[np.float64] | float, *, alpha: float, n_star: float) -> Floats:
    """Return how many standard errors the one-sided interval reaches, for each n > 0; ρ² is that of 2α."""
    x = np.asarray(n, dtype=np.float64) * mixture_variance(2 * alpha, n_star)
    return np.asarray(np.sqrt(2 * (x + 1) / x * np.log1p(np.sqrt(x + 1) / (2 * alpha))))


def always_valid_joint_p(
    chi_square: NDArray[np.float64] | float,
    freedom: int,
    n: NDArray[np.float64] | float,
    *,
    alpha: float,
    n_star: float,
) -> Floats:
    """Return min(1, k^(d/2) exp(−ρ² n χ² / 2k)) for Wald statistics χ² of d contrasts.

    It is the same mixture in d dimensions; with one contrast it is `always_valid_p`.
    """
    x = np.asarray(n, dtype=np.float64) * mixture_variance(alpha, n_star)
    exponent = -x * np.asarray(chi_square, dtype=np.float64) / (2 * (x + 1))
    return np.asarray(np.minimum(1.0, np.exp(exponent + freedom / 2 * np.log(x + 1))))


def always_valid_p(
    statistic: NDArray[np.float64] | float, n: NDArray[np.float64] | float, *, alpha: float, n_star: float
) -> Floats:
    """Return min(1, √k exp(−ρ² n t² / 2k)) with k = nρ² + 1 for statistics t at sizes n.

    p at any one look is valid for whoever stops there; the smallest so far is valid too.
    """
    return always_valid_joint_p(np.square(statistic), 1, n, alpha=alpha, n_star=n_star)


def one_sided_p(
    statistic: NDArray[np.float64] | float, n: NDArray[np.float64] | float, *, alpha: float, n_star: float
) -> Floats:
    """Return the level at which the one-sided interval begins to exclude 0, ρ² held fixed; 1 for statistics ≤ 0."""
    x = np.asarray(n, dtype=np.float64) * mixture_variance(2 * alpha, n_star)
    t = np.maximum(np.asarray(statistic, dtype=np.float64), 0.0)
    with np.errstate(divide="ignore", over="ignore"):
        return np.asarray(np.minimum(1.0, np.sqrt(x + 1) / (2 * np.expm1(x * t**2 / (2 * (x + 1))))))


def always_valid_inference(
    estimate: Estimate,
    *,
    alpha: float = 0.05,
    n_star: float = DEFAULT_N_STAR,
    alternative: Alternative = Alternative.TWO_SIDED,
) -> Conclusion:
    """Return the always-valid interval and p-value. N* is the planned number of units of all arms together."""
    if not estimate.is_usable:
        return no_conclusion(estimate, alpha)
    n, t = float(estimate.n), estimate.statistic
    if alternative is Alternative.TWO_SIDED:
        bound, p = (
            always_valid_bound(n, alpha=alpha, n_star=n_star),
            always_valid_p(t, n, alpha=alpha, n_star=n_star),
        )
    else:
        direction = 1 if alternative is Alternative.GREATER else -1
        bound = one_sided_bound(n, alpha=alpha, n_star=n_star)
        p = one_sided_p(direction * t, n, alpha=alpha, n_star=n_star)
    return interval(estimate, float(bound) * estimate.standard_error, float(p), alpha, alternative)

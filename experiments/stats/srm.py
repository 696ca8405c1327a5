"""Sample ratio mismatch: do the arms have the sizes that their weights promise?

A mismatch means that units were lost or counted wrongly, so no result of the experiment can be trusted.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import log

import numpy as np
from scipy import special

from experiments.stats.moments import Floats

SRM_ALPHA = 0.001
# Prior of the sequential test: Dirichlet(concentration × weights). 10,000 expects deviations of about one point.
CONCENTRATION = 10_000.0


@dataclass(frozen=True, slots=True)
class SrmCheck:
    """The verdict on the sizes of arms; `expected` are the sizes by weight, all epochs together."""

    observed: tuple[int, ...]
    expected: tuple[float, ...]
    p_value: float
    alpha: float

    @property
    def is_mismatch(self) -> bool:
        """Tell whether the sizes contradict the weights."""
        return self.p_value < self.alpha


@dataclass(frozen=True, slots=True)
class SequentialSrm:
    """The Bayes factor against the intended weights; the alarm rings once it reaches 1 / alpha."""

    log_bayes_factor: float
    p_value: float
    alpha: float

    @property
    def is_mismatch(self) -> bool:
        """Tell whether the evidence reached 1 / alpha."""
        return self.log_bayes_factor >= -log(self.alpha)


def srm_check(
    counts: Sequence[Sequence[int]], weights: Sequence[Sequence[float]], *, alpha: float = SRM_ALPHA
) -> SrmCheck:
    """Return the χ² test of counts int[epochs][arms] against weights float[epochs][arms].

    Epochs have their own weights, so χ² and its degrees of freedom are summed over them. An arm of weight 0 must have
    no unit. Valid at one look planned before; `sequential_srm` may be watched. Raises ValueError on bad weights.
    """
    observed, shares = _tables(counts, weights)
    expected = observed.sum(axis=1, keepdims=True) * shares
    if np.any(observed[expected == 0] > 0):
        return _srm_check(observed, expected, 0.0, alpha)
    parts = np.divide((observed - expected) ** 2, expected, out=np.zeros_like(expected), where=expected > 0)
    freedom = int(np.maximum((expected > 0).sum(axis=1) - 1, 0).sum())
    p_value = float(special.chdtrc(freedom, parts.sum())) if freedom else 1.0
    return _srm_check(observed, expected, p_value, alpha)


def sequential_srm(
    counts: Sequence[Sequence[int]],
    weights: Sequence[Sequence[float]],
    *,
    alpha: float = SRM_ALPHA,
    concentration: float = CONCENTRATION,
) -> SequentialSrm:
    """Return the Dirichlet–multinomial Bayes factor of counts int[epochs][arms] against the weights.

    Source: Lindon and Malek, "Anytime-valid inference for multinomial count data" (2022). It may be looked at after
    every unit: under the weights it ever reaches 1 / alpha with probability alpha at most. Factors of epochs multiply.
    `p_value` is min(1, 1 / factor) now; the smallest so far is valid as well.
    """
    observed, shares = _tables(counts, weights)
    if np.any(observed[shares == 0] > 0):
        return SequentialSrm(np.inf, 0.0, alpha)
    total = float(sum(log_bayes_factor(row, share, concentration) for row, share in zip(observed, shares, strict=True)))
    return SequentialSrm(total, float(np.exp(min(-total, 0.0))), alpha)


def log_bayes_factor(counts: Floats, weights: Floats, concentration: float = CONCENTRATION) -> Floats:
    """Return ln of the Bayes factor for counts float[..., arms]; arms of weight 0 are left out."""
    active = weights > 0
    x, p = counts[..., active], weights[active]
    prior = concentration * p
    marginal = special.gammaln(prior + x) - special.gammaln(prior) - special.xlogy(x, p)
    n = x.sum(axis=-1)
    return np.asarray(
        marginal.sum(axis=-1) + special.gammaln(concentration) - special.gammaln(concentration + n), dtype=np.float64
    )


def _srm_check(observed: Floats, expected: Floats, p_value: float, alpha: float) -> SrmCheck:
    sizes = tuple(int(size) for size in observed.sum(axis=0))
    return SrmCheck(sizes, tuple(expected.sum(axis=0).tolist()), p_value, alpha)


def _tables(counts: Sequence[Sequence[int]], weights: Sequence[Sequence[float]]) -> tuple[Floats, Floats]:
    """Return counts and weights as float64[epochs, arms], weights normalized to a sum of 1."""
    observed, shares = np.asarray(counts, dtype=np.float64), np.asarray(weights, dtype=np.float64)
    if observed.ndim != 2 or observed.shape != shares.shape or observed.min(initial=0) < 0:
        raise ValueError("counts and weights must both be tables of epochs × arms, counts not negative")
    if shares.min(initial=0) < 0 or np.any(shares.sum(axis=1) <= 0):
        raise ValueError("weights must not be negative, and one of each epoch must be positive")
    return observed, shares / shares.sum(axis=1, keepdims=True)

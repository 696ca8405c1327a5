"""Chance to win and risk, for display. They never decide: watched daily, a chance of 95 % comes up by luck."""

from dataclasses import dataclass
from math import exp, pi, sqrt

from scipy import special

from experiments.stats.estimates import Estimate


@dataclass(frozen=True, slots=True)
class Prior:
    """What is believed of the effect before any data: normal with this mean and variance."""

    mean: float
    variance: float


@dataclass(frozen=True, slots=True)
class BayesianSummary:
    """The posterior of the effect. A risk is the expected loss, in the effect's unit, of choosing that arm."""

    mean: float
    low: float
    high: float
    chance_to_win: float
    risk_of_control: float
    risk_of_treatment: float


def bayesian_summary(
    effect: Estimate, *, prior: Prior | None = None, alpha: float = 0.05, higher_is_better: bool = True
) -> BayesianSummary:
    """Return the normal–normal posterior of an effect; without a prior it is flat.

    An estimate that is not usable tells nothing: an effect of 0, chance .5.
    """
    if not effect.is_usable:
        return BayesianSummary(0.0, 0.0, 0.0, 0.5, 0.0, 0.0)
    mean, deviation = _posterior(effect, prior)
    radius = -float(special.ndtri(alpha / 2)) * deviation
    above = float(special.ndtr(mean / deviation))
    peak = deviation * exp(-((mean / deviation) ** 2) / 2) / sqrt(2 * pi)
    gain, loss = mean * above + peak, peak - mean * (1 - above)
    if not higher_is_better:
        gain, loss, above = loss, gain, 1 - above
    return BayesianSummary(mean, mean - radius, mean + radius, above, gain, loss)


def _posterior(effect: Estimate, prior: Prior | None) -> tuple[float, float]:
    """Return mean and standard deviation of the effect after the data."""
    if prior is None:
        return effect.value, effect.standard_error
    precision = 1 / effect.standard_error**2
    total = precision + 1 / prior.variance
    return (precision * effect.value + prior.mean / prior.variance) / total, sqrt(1 / total)

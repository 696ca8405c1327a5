"""What is estimated: a function h of an arm's mean vector, with its gradient. One delta method serves all of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from experiments.stats.moments import ArmMoments, Floats, merge_arms


class Estimand(Protocol):
    """A smooth function of the means."""

    @property
    def baseline(self) -> "Estimand":
        """The estimand that a relative effect is divided by: the one without adjustment."""
        ...

    def linearize(self, means: Floats) -> tuple[float, Floats]:
        """Return h(means) and its gradient, float64[k]."""
        ...


@dataclass(frozen=True, slots=True)
class Mean:
    """The mean of the variable at `index`; of a yes-or-no variable, the proportion."""

    index: int = 0

    @property
    def baseline(self) -> "Estimand":
        """Return the estimand itself."""
        return self

    def linearize(self, means: Floats) -> tuple[float, Floats]:
        """Return the mean and a unit vector."""
        gradient = np.zeros(len(means))
        gradient[self.index] = 1.0
        return float(means[self.index]), gradient


@dataclass(frozen=True, slots=True)
class Ratio:
    """Sum of one variable over the sum of another: average order value, items per order."""

    numerator: int = 0
    denominator: int = 1

    @property
    def baseline(self) -> "Estimand":
        """Return the estimand itself."""
        return self

    def linearize(self, means: Floats) -> tuple[float, Floats]:
        """Return the ratio and its gradient; NaN where the denominator is 0."""
        top, bottom = float(means[self.numerator]), float(means[self.denominator])
        gradient = np.zeros(len(means))
        if bottom == 0:
            return float("nan"), gradient
        gradient[self.numerator] = 1 / bottom
        gradient[self.denominator] -= top / bottom**2
        return top / bottom, gradient


@dataclass(frozen=True, slots=True)
class Adjusted:
    """CUPED: the outcome less θ times a covariate from before the exposure (Deng et al. 2013)."""

    outcome: Mean | Ratio
    covariate: Mean | Ratio
    theta: float

    @property
    def baseline(self) -> "Estimand":
        """Return the outcome without adjustment."""
        return self.outcome

    def linearize(self, means: Floats) -> tuple[float, Floats]:
        """Return the adjusted value and its gradient."""
        value, gradient = self.outcome.linearize(means)
        before, slope = self.covariate.linearize(means)
        return value - self.theta * before, gradient - self.theta * slope


def adjust(outcome: Mean | Ratio, covariate: Mean | Ratio, arms: Sequence[ArmMoments]) -> Adjusted:
    """Return the outcome adjusted by the covariate, with θ from the arms compared.

    Means: θ = cov(post, pre) / var(pre) over the arms joined. With a ratio: θ = Σ cov / Σ var over the arms, of the
    linearized variables. Without any spread before the exposure θ is 0.
    """
    if isinstance(outcome, Mean) and isinstance(covariate, Mean):
        joined = merge_arms(arms).covariance_matrix
        products, squares = joined[outcome.index, covariate.index], joined[covariate.index, covariate.index]
    else:
        parts = [_linearized_products(outcome, covariate, arm) for arm in arms]
        products, squares = (sum(column) for column in zip(*parts, strict=True))
    return Adjusted(outcome, covariate, float(products / squares) if squares > 0 else 0.0)


def _linearized_products(outcome: Mean | Ratio, covariate: Mean | Ratio, arm: ArmMoments) -> tuple[float, float]:
    """Return cov(post, pre) and var(pre) of the variables linearized at the arm's means."""
    matrix = arm.covariance_matrix
    _, post = outcome.linearize(arm.mean_vector)
    _, pre = covariate.linearize(arm.mean_vector)
    return float(post @ matrix @ pre), float(pre @ matrix @ pre)

"""Guardrails: a metric that must not get worse by more than a margin, watched all the time, one side at a time."""

from dataclasses import dataclass
from math import isfinite

from experiments.stats.estimates import Estimate
from experiments.stats.inference import Alternative
from experiments.stats.sequential import DEFAULT_N_STAR, always_valid_inference


@dataclass(frozen=True, slots=True)
class GuardrailCheck:
    """The verdict on one guardrail. Gains are effects with the sign turned so that more is better.

    `least_gain` and `greatest_gain` are one-sided always-valid bounds, each of level 1 − alpha.
    """

    gain: float
    least_gain: float
    greatest_gain: float
    margin: float

    @property
    def is_breached(self) -> bool:
        """Tell whether harm beyond the margin is shown: roll back."""
        return self.greatest_gain < -self.margin

    @property
    def holds(self) -> bool:
        """Tell whether harm beyond the margin is excluded: this guardrail does not stop a launch."""
        return self.least_gain > -self.margin


def guardrail_check(
    effect: Estimate,
    *,
    margin: float,
    higher_is_better: bool = True,
    alpha: float = 0.05,
    n_star: float = DEFAULT_N_STAR,
) -> GuardrailCheck:
    """Return whether an absolute effect breaches or keeps to a margin ≥ 0 in the same unit.

    A margin given as a share is that share of the control's value. Raises ValueError where it is negative.
    """
    if not isfinite(margin) or margin < 0:
        raise ValueError("a margin must not be negative")
    above, below = (
        always_valid_inference(effect, alpha=alpha, n_star=n_star, alternative=alternative)
        for alternative in (Alternative.GREATER, Alternative.LESS)
    )
    if higher_is_better:
        return GuardrailCheck(effect.value, above.low, below.high, margin)
    return GuardrailCheck(-effect.value, -below.high, -above.low, margin)

"""Effects of hold-outs that are counted outside of experiments, such as those of rules: the same always-valid numbers.

The lot falls on shoppers, and what is counted are their answers. One shopper's answers hang together, so the spread is
taken between random groups of shoppers, each of which is one unit of a ratio. Pure.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from experiments.results import Effect
from experiments.stats.estimands import Ratio
from experiments.stats.estimates import Estimate, absolute_effect, relative_effect
from experiments.stats.inference import Conclusion
from experiments.stats.moments import ArmMoments, arm_from_sums
from experiments.stats.sequential import always_valid_inference

FEWEST_GROUPS: Final = 20
"""Random groups with answers, in each of both arms: fewer say too little about the spread."""
Pair = tuple[float, float]
"""What is counted in one random group, over what: clicked answers over answers, revenue over answers."""


@dataclass(frozen=True, slots=True)
class HoldoutEffect:
    """What a treatment adds to a ratio, against those held out. Intervals hold however often one looks."""

    held_out: float
    applied: float
    absolute: Effect
    relative: Effect
    p_value: float
    is_significant: bool


def holdout_effect(held_out: Sequence[Pair], applied: Sequence[Pair], *, alpha: float = 0.05) -> HoldoutEffect | None:
    """Return the effect on a ratio of sums, from the random groups of both arms.

    None where one of them has too few groups with anything to count, or no spread. The progress of the test is that of
    the denominators: their sum takes the place of n.
    """
    control, treatment = (_arm([pair for pair in pairs if pair[1] > 0]) for pairs in (held_out, applied))
    if min(control.n, treatment.n) < FEWEST_GROUPS:
        return None
    n, estimand = int(sum(pair[1] for pair in (*held_out, *applied))), Ratio(0, 1)
    absolute = _conclusion(absolute_effect(control, treatment, estimand), n, alpha)
    if not absolute.estimate.is_usable:
        return None
    relative = _conclusion(relative_effect(control, treatment, estimand), n, alpha)
    base = control.means[0] / control.means[1]
    return HoldoutEffect(
        held_out=base,
        applied=base + absolute.estimate.value,
        absolute=_effect(absolute),
        relative=_effect(relative),
        p_value=absolute.p_value,
        is_significant=absolute.is_significant,
    )


def _arm(pairs: Sequence[Pair]) -> ArmMoments:
    sums = [sum(pair[place] for pair in pairs) for place in (0, 1)]
    products = [[sum(pair[one] * pair[other] for pair in pairs) for other in (0, 1)] for one in (0, 1)]
    return arm_from_sums(len(pairs), sums, products)


def _conclusion(estimate: Estimate, n: int, alpha: float) -> Conclusion:
    progress = Estimate(estimate.value, estimate.standard_error, estimate.degrees_of_freedom, n)
    return always_valid_inference(progress, alpha=alpha)


def _effect(one: Conclusion) -> Effect:
    if not one.estimate.is_usable:
        return Effect(None, None, None)
    return Effect(one.estimate.value, one.low, one.high, one.estimate.standard_error)

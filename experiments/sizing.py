"""How large and how long a planned experiment is, in numbers and in words. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import ceil
from typing import Final

from experiments.stats.power import (
    AnalysisPlan,
    InferenceCost,
    InferenceKind,
    inference_costs,
    minimum_effect,
)

MOST_DAYS: Final = 3 * 365
"""A plan beyond it is called too long."""
NAMES: Final = {
    InferenceKind.ALWAYS_VALID: "always valid",
    InferenceKind.GROUP_SEQUENTIAL: "group sequential",
    InferenceKind.FIXED: "fixed",
}
READS: Final = {
    InferenceKind.ALWAYS_VALID: "may be read at any time",
    InferenceKind.GROUP_SEQUENTIAL: "may be read at its planned looks",
    InferenceKind.FIXED: "may be read only once, at the end",
}


@dataclass(frozen=True, slots=True)
class Question:
    """What is planned. `value` and `variance` are the metric's now, per unit; `weights` of all arms, control first.

    `daily` is the number of new shoppers on each of the last days; `share` of them takes part, with `coverage`.
    """

    value: float
    variance: float
    effect: float
    weights: tuple[float, ...]
    kind: InferenceKind = InferenceKind.ALWAYS_VALID
    alpha: float = 0.05
    power: float = 0.8
    looks: int = 50
    daily: tuple[int, ...] = ()
    share: float = 1.0
    coverage: float = 1.0
    most_days: int = 28

    @property
    def plan(self) -> AnalysisPlan:
        """The plan of the smallest arm against the control; alpha is shared among the arms that are compared."""
        shares = (self.weights[0], min(self.weights[1:]))
        return AnalysisPlan(self.kind, self.alpha / (len(self.weights) - 1), self.power, self.looks, shares)


@dataclass(frozen=True, slots=True)
class Option:
    """One inference: units of an arm on average and of the experiment, days, None where nobody comes, and its words."""

    kind: InferenceKind
    arm_units: int
    units: int
    days: int | None
    cost: InferenceCost

    @property
    def is_too_long(self) -> bool:
        """Whether nobody would wait for it."""
        return self.days is None or self.days > MOST_DAYS


@dataclass(frozen=True, slots=True)
class Sizing:
    """The plan, and all inferences to choose from. `detectable` is the relative effect found within `most_days`."""

    chosen: Option
    options: tuple[Option, ...]
    detectable: float | None
    most_days: int
    sentences: tuple[str, ...]


def size(question: Question) -> Sizing:
    """Return the sizes of a plan. Raises ValueError for one that nobody can compute."""
    if min(question.weights) <= 0 or len(question.weights) < 2:
        raise ValueError("every arm needs a share of the shoppers")
    costs = inference_costs(question.effect * question.value, question.variance, question.plan)
    options = tuple(_option(cost, question) for cost in costs)
    chosen = next(one for one in options if one.kind is question.kind)
    reached = units_within(question.daily, question.most_days, question.share * question.coverage)
    detectable = None
    if reached >= 2:
        compared = reached * sum(question.plan.shares)
        detectable = minimum_effect(question.variance, compared, replace(question.plan)) / question.value
    sizing = Sizing(chosen, options, detectable, question.most_days, ())
    return replace(sizing, sentences=_sentences(sizing, question))


def units_within(daily: Sequence[int], days: int, share: float) -> float:
    """Return how many new shoppers come within so many days; later days bring as many as the last week of those known.

    Shoppers who come again are no new ones, so the first days bring the most.
    """
    first = sum(daily[:days])
    return share * (first + max(0, days - len(daily)) * _late_rate(daily))


def days_until(units: int, daily: Sequence[int], share: float) -> int | None:
    """Return the days until so many new shoppers came, None for never."""
    total = 0.0
    for day, new in enumerate(daily, 1):
        total += share * new
        if total >= units:
            return day
    rate = share * _late_rate(daily)
    return len(daily) + ceil((units - total) / rate) if rate > 0 else None


def _late_rate(daily: Sequence[int]) -> float:
    late = daily[-7:]
    return sum(late) / len(late) if late else 0.0


def _option(cost: InferenceCost, question: Question) -> Option:
    units = cost.size.experiment
    arm_units = ceil(units / len(question.weights))
    days = days_until(units, question.daily, question.share * question.coverage)
    return Option(cost.kind, arm_units, units, days, cost)


def _sentences(sizing: Sizing, question: Question) -> tuple[str, ...]:
    chosen = sizing.chosen
    sentences = [f"Needs {chosen.arm_units:,} shoppers in each arm{_time(chosen)}."]
    fixed = next(one for one in sizing.options if one.kind is InferenceKind.FIXED)
    if chosen.kind is not InferenceKind.FIXED:
        sentences.append(f"The fixed test would need {fixed.arm_units:,} but may be read only once.")
    else:
        sentences.append("It may be read only once, at the end: a look before decides nothing.")
    if len(question.weights) > 2:
        sentences.append(f"{len(question.weights) - 1} arms are compared with the control, so each has to prove more.")
    if sizing.detectable is not None and sizing.detectable > question.effect * 1.0001:
        sentences.append(
            f"In {sizing.most_days} days it would find an effect of {100 * sizing.detectable:.3g} % or more, "
            f"not the {100 * question.effect:.3g} % that you look for."
        )
    return tuple(sentences)


def _time(option: Option) -> str:
    if option.days is None:
        return "; nobody came lately, so the days are unknown"
    if option.is_too_long:
        return ", more than three years"
    return f", about {option.days} day{'' if option.days == 1 else 's'}"

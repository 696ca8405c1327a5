"""Fairness among guardrails: no group of a dimension may lose more than a margin, whatever all together gain. Pure."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from experiments.results import ArmComparison, ExperimentResults, Group, MetricResult
from experiments.stats.estimates import Estimate
from experiments.stats.guardrails import guardrail_check


@dataclass(frozen=True, slots=True)
class GroupGuardrail:
    """A metric and the dimension whose groups are watched. `margin` is a share of the control's value in the group."""

    metric: str
    dimension: str
    margin: float


@dataclass(frozen=True, slots=True)
class GroupCheck:
    """What is known of one arm in one group, in the metric's unit; more is better."""

    metric: str
    dimension: str
    group: str
    arm: str
    margin: float
    gain: float
    greatest_gain: float
    is_breached: bool


def group_checks(
    results: ExperimentResults, guardrails: Iterable[GroupGuardrail], *, n_star: float
) -> tuple[GroupCheck, ...]:
    """Return a one-sided always-valid check of every arm in every group that has numbers.

    alpha is divided by the number of groups and arms of a guardrail (Bonferroni), so many groups alone alarm nobody.
    """
    return tuple(
        check
        for guardrail in guardrails
        for metric in [one for one in results.metrics if one.key == guardrail.metric][:1]
        for check in _checks(metric, guardrail, alpha=results.alpha, n_star=n_star)
    )


def _checks(metric: MetricResult, guardrail: GroupGuardrail, *, alpha: float, n_star: float) -> Iterator[GroupCheck]:
    groups = [group for one in metric.breakdowns if one.dimension == guardrail.dimension for group in one.groups]
    pairs = [(group, comparison) for group in groups for comparison in group.comparisons]
    for group, comparison in pairs:
        estimate, base = _estimate(group, comparison), group.arms[0].value
        if estimate is None or base is None:
            continue
        check = guardrail_check(
            estimate,
            margin=guardrail.margin * abs(base),
            higher_is_better=metric.higher_is_better,
            alpha=alpha / len(pairs),
            n_star=n_star,
        )
        yield GroupCheck(
            metric.key,
            guardrail.dimension,
            group.value,
            comparison.arm,
            check.margin,
            check.gain,
            check.greatest_gain,
            check.is_breached,
        )


def _estimate(group: Group, comparison: ArmComparison) -> Estimate | None:
    """Return the effect in a group with its standard error, None where there is none."""
    effect = comparison.absolute
    if effect.value is None or effect.standard_error is None:
        return None
    units = {one.arm: one.units for one in group.arms}
    n = group.arms[0].units + units.get(comparison.arm, 0)
    return Estimate(effect.value, effect.standard_error, float("inf"), n)

"""One metric in all arms: values, comparisons, breakdowns, days, windows."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from experiments.analysis.bounds import Bounds
from experiments.analysis.comparisons import ALWAYS, NEVER, Claims, Comparer, number
from experiments.analysis.effects import Effects, Fraction, Layout, arm_values, effects_of
from experiments.analysis.plan import MetricUse, Plan
from experiments.analysis.quantiles import quantiles_of, winsorized
from experiments.analysis.stopped import stopped_estimate
from experiments.analysis.tables import WINDOWS, Sums, Table
from experiments.metrics.base import Metric
from experiments.results import (
    ArmComparison,
    ArmValue,
    Breakdown,
    DayValue,
    Group,
    GuardrailState,
    MetricResult,
)
from experiments.stats.bayesian import bayesian_summary
from experiments.stats.guardrails import guardrail_check
from experiments.stats.moments import Floats
from experiments.stats.power import InferenceKind

FIRST: Final = slice(0, 1)


@dataclass(frozen=True, slots=True)
class Measured:
    """A metric with the effects of all rows: the record for readers, and the arrays that others go on with."""

    result: MetricResult
    effects: Effects
    layout: Layout
    sums: Sums


@dataclass(frozen=True, slots=True)
class Analysis:
    """What all metrics of one reading share. `pair_sizes` are the units of each arm and the control at the looks."""

    plan: Plan
    table: Table
    bounds: Bounds
    has_ended: bool
    pair_sizes: tuple[tuple[int, ...], ...] = ()


def measure(use: MetricUse, analysis: Analysis, claims: Claims, *, with_breakdowns: bool) -> Measured:
    """Return the results of one metric. Without breakdowns the first row alone is computed."""
    plan, table = analysis.plan, analysis.table
    layout, sums = layout_of(use.metric, plan), table.sums
    if use.metric.winsor_share is not None:
        sums = winsorized(table, layout.outcome.top, use.metric.winsor_share)
        layout = Layout(1, Fraction(0))
    if not with_breakdowns:
        sums = sums.rows(FIRST)
    comparer = Comparer(table.arms[1:], analysis.bounds, use.metric.higher_is_better)
    effects = effects_of(sums, layout)
    values = arm_values(sums, layout)
    quantiles = quantiles_of(table, plan.places[use.metric.numerator], use.metric, with_breakdowns=with_breakdowns)
    arms = [
        _arm_values(table.arms, row, units, quantiles.get(place, {})) for place, (row, units) in _rows(values, sums)
    ]
    first = tuple(
        _with_totals(one, place, effects, use, analysis) for place, one in enumerate(comparer.first(effects, claims))
    )
    first = _with_others(first, comparer, sums, layout)
    result = MetricResult(
        key=use.metric.key,
        name=use.metric.name,
        role=use.role,
        display=use.metric.display,
        higher_is_better=use.metric.higher_is_better,
        arms=arms[0],
        comparisons=first,
    )
    if with_breakdowns:
        rows = comparer.rows(effects, ALWAYS if plan.inference is InferenceKind.ALWAYS_VALID else NEVER)
        result = _with_rows(result, table, arms, rows)
    return Measured(result, effects, layout, sums)


def layout_of(metric: Metric, plan: Plan) -> Layout:
    """Return where the metric's variables stand. It is adjusted where all of them were measured before as well."""
    places = plan.places
    before = [places.get(earlier) for one in metric.variables if (earlier := one.before) is not None]
    known = [place for place in before if place is not None]
    is_adjusted = len(known) == len(metric.variables)
    return Layout(
        width=len(plan.variables),
        outcome=Fraction(*(places[one] for one in metric.variables)),
        covariate=Fraction(*known) if is_adjusted else None,
        is_binary=metric.kind == "proportion",
    )


def _rows(values: Floats, sums: Sums) -> list[tuple[int, tuple[list[float], list[float]]]]:
    units = sums.n.sum(axis=0).tolist()
    return list(enumerate(zip(values.tolist(), units, strict=True)))


def _arm_values(
    arms: Sequence[str], values: Sequence[float], units: Sequence[float], quantiles: dict[int, dict[float, float]]
) -> tuple[ArmValue, ...]:
    return tuple(
        ArmValue(arm, int(n), number(value), quantiles.get(place, {}))
        for place, (arm, value, n) in enumerate(zip(arms, values, units, strict=True))
    )


def _with_totals(one: ArmComparison, place: int, effects: Effects, use: MetricUse, analysis: Analysis) -> ArmComparison:
    """Return the comparison of all units with what is computed for them alone."""
    estimate, metric = effects.absolute(0, place), use.metric
    if not estimate.is_usable:
        return one
    summary = bayesian_summary(estimate, alpha=analysis.plan.alpha, higher_is_better=metric.higher_is_better)
    guardrail = None
    if use.role == "guardrail":
        check = guardrail_check(
            estimate,
            margin=use.margin * abs(float(effects.control[0, place])),
            higher_is_better=metric.higher_is_better,
            alpha=analysis.plan.alpha,
            n_star=analysis.plan.n_star,
        )
        bounds = number(check.least_gain), number(check.greatest_gain)
        guardrail = GuardrailState(check.margin, *bounds, check.is_breached, check.holds)
    stopped = None
    if analysis.has_ended and use.role == "goal" and analysis.pair_sizes:
        stopped = stopped_estimate(analysis.plan, analysis.pair_sizes[place], estimate)
    return replace(
        one,
        chance_to_win=summary.chance_to_win,
        risk=summary.risk_of_treatment,
        guardrail=guardrail,
        median_unbiased=stopped,
    )


def _with_others(
    comparisons: tuple[ArmComparison, ...], comparer: Comparer, sums: Sums, layout: Layout
) -> tuple[ArmComparison, ...]:
    """Return the comparisons with the estimates that stand beside: pooled over epochs, and without adjustment."""
    first = sums.rows(FIRST)
    pooled = effects_of(first.pooled(), layout)
    plain = None if layout.covariate is None else effects_of(first, layout.without_covariate())
    return tuple(
        replace(
            one,
            pooled=comparer.effect(pooled, place),
            unadjusted=None if plain is None else comparer.effect(plain, place),
        )
        for place, one in enumerate(comparisons)
    )


def _with_rows(
    result: MetricResult,
    table: Table,
    arms: Sequence[tuple[ArmValue, ...]],
    rows: Sequence[tuple[ArmComparison, ...]],
) -> MetricResult:
    names, groups = table.rows.groups, table.rows.group_slice
    by_dimension: dict[str, list[Group]] = {}
    for (dimension, value), values, compared in zip(names, arms[groups], rows[groups], strict=True):
        by_dimension.setdefault(dimension, []).append(Group(value, values, compared))
    days = zip(table.rows.days, arms[table.rows.day_slice], rows[table.rows.cumulative_slice], strict=True)
    return replace(
        result,
        breakdowns=tuple(Breakdown(dimension, tuple(found)) for dimension, found in by_dimension.items()),
        days=tuple(DayValue(day, values, compared) for day, values, compared in days),
        windows=dict(zip(WINDOWS, rows[table.rows.window_slice], strict=False)),
    )

"""One metric in all arms: values, comparisons, breakdowns, days, windows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from math import isfinite
from typing import Final

import numpy as np
from scipy import special

from experiments.analysis.bounds import Bounds
from experiments.analysis.comparisons import ALWAYS, NEVER, Claims, Comparer, Row, number, plain, remembered_rows
from experiments.analysis.effects import Effects, Fraction, Layout, Strata, arm_values, strata_of
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
    Effect,
    Group,
    GuardrailState,
    MetricResult,
)
from experiments.stats.bayesian import bayesian_summary
from experiments.stats.estimates import Estimate
from experiments.stats.guardrails import guardrail_check
from experiments.stats.power import InferenceKind

TOTAL_ROW: Final = slice(0, 1)
NO_QUANTILES: Final[Mapping[float, float]] = {}


@dataclass(frozen=True, slots=True)
class Measured:
    """A metric: the record for readers, and the effects of all units, which others go on with."""

    result: MetricResult
    effects: Effects
    layout: Layout
    sums: Sums


@dataclass(frozen=True, slots=True)
class Analysis:
    """What all metrics of one reading share. `look_sizes` are the sizes of the looks for each arm.

    `bounds` are those of the goal, `other_bounds` those of the metrics beside it.
    """

    plan: Plan
    table: Table
    bounds: Bounds
    other_bounds: Bounds
    has_ended: bool
    look_sizes: tuple[tuple[int, ...], ...] = ()


def measure(use: MetricUse, analysis: Analysis, claims: Claims, *, with_breakdowns: bool) -> Measured:
    """Return the results of one metric. Without breakdowns all units alone are compared."""
    plan, table, metric = analysis.plan, analysis.table, use.metric
    layout, sums = layout_of(metric, plan), table.sums
    if metric.winsor_share is not None:
        sums = winsorized(table, layout.outcome.top, metric.winsor_share)
        layout = Layout(1, Fraction(0))
    total = sums.rows(TOTAL_ROW)
    strata = strata_of(total, layout)
    effects = strata.effects()
    bounds = analysis.bounds if use.role == "goal" else analysis.other_bounds
    comparer = Comparer(table.arms[1:], bounds, metric.higher_is_better)
    reaches = bounds.reach(effects)[0].tolist()
    compared = [
        _with_totals(one, place, effects, reaches[place], use, analysis)
        for place, one in enumerate(comparer.total(effects, claims))
    ]
    count = table.rows.group_slice.stop if with_breakdowns else 1
    quantiles = quantiles_of(table, plan.places[metric.numerator], count) if metric.has_quantiles else []
    row_sums = sums.rows(slice(0, table.rows.day_slice.stop)) if with_breakdowns else total
    values = _arm_values(table.arms, row_sums, layout, quantiles)
    result = MetricResult(
        key=metric.key,
        name=metric.name,
        role=use.role,
        display=metric.display,
        higher_is_better=metric.higher_is_better,
        arms=values[0],
        comparisons=_with_others(compared, comparer, total, strata),
    )
    if with_breakdowns:
        result = _with_rows(result, table, values, _compared_rows(table, sums, layout, comparer))
    return Measured(result, effects, layout, total)


def layout_of(metric: Metric, plan: Plan) -> Layout:
    """Return where the metric's variables stand. It is adjusted where all of them were measured before as well."""
    places = plan.places
    before = [places.get(earlier) for one in metric.variables if (earlier := one.before) is not None]
    earlier_places = [place for place in before if place is not None]
    is_adjusted = len(earlier_places) == len(metric.variables)
    return Layout(
        width=len(plan.variables),
        outcome=Fraction(*(places[one] for one in metric.variables)),
        covariate=Fraction(*earlier_places) if is_adjusted else None,
        is_binary=metric.kind == "proportion",
    )


def _arm_values(
    arms: Sequence[str], sums: Sums, layout: Layout, quantiles: Sequence[Sequence[Mapping[float, float]]]
) -> list[tuple[ArmValue, ...]]:
    """Return the values of each row. The first rows have quantiles, where the metric has them."""
    values, units = plain(arm_values(sums, layout)), sums.n.sum(axis=0).astype(np.int64).tolist()
    none = [NO_QUANTILES] * len(arms)
    rows = zip_longest(values, units, quantiles[: len(values)], fillvalue=none)
    return [tuple(map(ArmValue, arms, n, value, shares)) for value, n, shares in rows]


def _compared_rows(table: Table, sums: Sums, layout: Layout, comparer: Comparer) -> dict[int, Row]:
    """Return the comparisons by row: groups, days added up, windows.

    Groups and days added up claim nothing but in always-valid tests, windows nothing at all: the units in them come and
    go, and no inference here holds for whoever watches that.
    """
    rows = table.rows
    growing = [
        *range(rows.group_slice.start, rows.group_slice.stop),
        *range(rows.cumulative_slice.start, rows.cumulative_slice.stop),
    ]
    windows = list(range(rows.window_slice.start, rows.window_slice.stop))
    claims = ALWAYS if comparer.bounds.plan.inference is InferenceKind.ALWAYS_VALID else NEVER
    compared: dict[int, Row] = {}
    for places, allowed in ((growing, claims), (windows, NEVER)):
        compared |= zip(places, remembered_rows.rows(sums.rows(places), layout, comparer, allowed), strict=True)
    return compared


def _chances(
    estimate: Estimate, analysis: Analysis, reach: float, *, higher_is_better: bool
) -> tuple[float | None, float | None]:
    """Return chance to win and risk, None where the inference says nothing yet.

    Their error is as many times larger as the interval is wider than that of one look. So the chance lies beyond
    1 − α/2 where the interval excludes 0, and nowhere else: it never contradicts what stands beside it.
    """
    if not isfinite(reach):
        return None, None
    alpha = analysis.plan.alpha
    widening = reach / -float(special.ndtri(alpha / 2))
    widened = replace(estimate, standard_error=estimate.standard_error * widening)
    summary = bayesian_summary(widened, alpha=alpha, higher_is_better=higher_is_better)
    return summary.chance_to_win, summary.risk_of_treatment


def _with_totals(
    one: ArmComparison, place: int, effects: Effects, reach: float, use: MetricUse, analysis: Analysis
) -> ArmComparison:
    """Return the comparison of all units with what is computed for them alone."""
    estimate, metric = effects.absolute(0, place), use.metric
    if not estimate.is_usable:
        return one
    chance, risk = _chances(estimate, analysis, reach, higher_is_better=metric.higher_is_better)
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
    if analysis.has_ended and use.role == "goal" and analysis.look_sizes:
        stopped = stopped_estimate(analysis.plan, analysis.look_sizes[place], estimate)
    return replace(
        one,
        chance_to_win=chance,
        risk=risk,
        guardrail=guardrail,
        median_unbiased=stopped,
    )


def _with_others(
    comparisons: Sequence[ArmComparison], comparer: Comparer, total: Sums, strata: Strata
) -> tuple[ArmComparison, ...]:
    """Return the comparisons with the estimates that stand beside: pooled over epochs, and without adjustment."""
    pooled = [one.absolute for one in comparisons]
    if total.n.shape[0] > 1:
        pooled = comparer.effects(strata_of(total.pooled(), strata.layout).effects())
    unadjusted: Sequence[Effect | None] = [None] * len(comparisons)
    if strata.layout.covariate is not None:
        unadjusted = comparer.effects(strata.effects(with_covariate=False))
    together = zip(comparisons, pooled, unadjusted, strict=True)
    return tuple(replace(one, pooled=first, unadjusted=second) for one, first, second in together)


def _with_rows(
    result: MetricResult, table: Table, values: Sequence[tuple[ArmValue, ...]], compared: Mapping[int, Row]
) -> MetricResult:
    rows = table.rows
    by_dimension: dict[str, list[Group]] = {}
    for place, (dimension, value) in enumerate(rows.groups, start=rows.group_slice.start):
        by_dimension.setdefault(dimension, []).append(Group(value, values[place], compared[place]))
    days = zip(
        rows.days, values[rows.day_slice], range(rows.cumulative_slice.start, rows.cumulative_slice.stop), strict=True
    )
    windows = range(rows.window_slice.start, rows.window_slice.stop)
    return replace(
        result,
        breakdowns=tuple(Breakdown(dimension, tuple(groups)) for dimension, groups in by_dimension.items()),
        days=tuple(DayValue(day, arms, compared[place]) for day, arms, place in days),
        windows={length: compared[place] for length, place in zip(WINDOWS, windows, strict=False)},
    )

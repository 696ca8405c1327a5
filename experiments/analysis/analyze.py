"""From a plan and what was measured to the results of an experiment at one moment."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

from experiments.analysis.bounds import bounds_of
from experiments.analysis.comparisons import Claims
from experiments.analysis.factors import factors_of
from experiments.analysis.families import corrected_groups, corrected_metrics
from experiments.analysis.health import arm_units, health_of
from experiments.analysis.metrics import Analysis, measure
from experiments.analysis.plan import MetricUse, Plan
from experiments.analysis.progress import progress_of
from experiments.analysis.readings import Reading
from experiments.analysis.tables import table_of
from experiments.analysis.verdicts import Situation, verdict_of
from experiments.results import ExperimentResults
from experiments.stats.power import InferenceKind


@dataclass(frozen=True, slots=True)
class Moment:
    """When the numbers are read, and the shop's day then.

    `is_look` says that a look of the plan is taken now, which may decide.
    """

    at: datetime
    today: date
    is_look: bool = False


def analyze(plan: Plan, reading: Reading, moment: Moment, *, with_breakdowns: bool = True) -> ExperimentResults:
    """Return the results. Breakdowns, days and windows are left out on request."""
    table = table_of(reading.cells, plan.arm_keys, width=len(plan.variables), today=moment.today)
    units = dict(zip(plan.arm_keys, map(int, table.sums.n[:, 0].sum(axis=0)), strict=True))
    looks = [look.units for look in reading.looks]
    looks = [*looks, units] if moment.is_look else looks
    bounds = bounds_of(plan, looks)
    others = sum(use.role != "goal" for use in plan.metrics)
    other_bounds = bounds_of(plan, looks, metrics=max(others, 1))
    has_ended = plan.design.status in ("stopped", "shipped", "archived")
    sizes = _look_sizes(plan, reading, units) if has_ended else ()
    analysis = Analysis(plan, table, bounds, other_bounds, has_ended, sizes)
    is_readable = _is_readable(plan, reading, sum(units.values()), moment)
    claims = [_claims(use, reading, is_readable) for use in plan.metrics]
    measured = [
        measure(use, analysis, claim, with_breakdowns=with_breakdowns)
        for use, claim in zip(plan.metrics, claims, strict=True)
    ]
    goal = next((one for one in measured if one.result.role == "goal"), None)
    arms = arm_units(plan, table, reading)
    health = health_of(plan, table, reading, measured)
    progress = progress_of(plan, table, goal, moment.at)
    metrics = tuple(one.result for one in measured)
    if plan.inference is not InferenceKind.GROUP_SEQUENTIAL:
        metrics = corrected_metrics(metrics, [one.past for one in claims], alpha=plan.alpha)
    metrics = corrected_groups(metrics, table.rows.group_count, alpha=plan.alpha)
    rails = tuple(one for one in metrics if one.role == "guardrail")
    result = None if goal is None else goal.result
    is_known = is_readable or reading.significant is not None
    verdict = verdict_of(Situation(plan, arms, health, progress, result, rails, is_known))
    return ExperimentResults(
        key=plan.design.key,
        name=plan.design.name,
        kind=plan.design.kind,
        status=plan.design.status,
        inference=plan.inference.value,
        alpha=plan.alpha,
        at=moment.at,
        epoch=plan.design.epoch,
        level=verdict.level,
        verdict=verdict.sentence,
        arms=arms,
        health=health,
        progress=progress,
        metrics=metrics,
        factors=factors_of(plan, goal, bounds),
        leader=verdict.leader,
    )


def is_decisive(plan: Plan, units: int) -> bool:
    """Tell whether a look at this size decides: each of a group-sequential test, of a fixed one that at its size."""
    if plan.inference is InferenceKind.FIXED:
        return plan.planned_total is not None and units >= plan.planned_total
    return plan.inference is InferenceKind.GROUP_SEQUENTIAL and plan.planned_total is not None


def _is_readable(plan: Plan, reading: Reading, units: int, moment: Moment) -> bool:
    """Tell whether present numbers may be called significant, and not only what an earlier look found."""
    if plan.inference is InferenceKind.ALWAYS_VALID:
        return True
    if plan.inference is InferenceKind.GROUP_SEQUENTIAL:
        is_full = any(sum(look.units.values()) >= (plan.planned_total or 0) for look in reading.looks)
        return moment.is_look and not is_full and len(reading.looks) < plan.planned_looks
    if plan.planned_total is None:
        return plan.started_at is not None and (moment.at - plan.started_at).days >= plan.maximum_days
    return reading.significant is None and is_decisive(plan, units)


def _claims(use: MetricUse, reading: Reading, is_readable: bool) -> Claims:
    past = {arm: is_better for (key, arm), is_better in (reading.significant or {}).items() if key == use.metric.key}
    return Claims(is_readable, past)


def _look_sizes(plan: Plan, reading: Reading, units: Mapping[str, int]) -> tuple[tuple[int, ...], ...]:
    """Return for each arm the rising sizes of the looks that might have ended it, the present one last.

    Planned looks count all units, as their bounds do; other tests those of the arm and the control.
    A test that goes on after its effect was significant, for a minimum runtime or a ramp, was not ended by that look or
    a later one. So these are deleted: Whitehead, Overrunning and underrunning in sequential clinical trials, 1992.
    """
    control, is_planned = plan.arm_keys[0], plan.inference is InferenceKind.GROUP_SEQUENTIAL
    rows = []
    for arm in plan.arm_keys[1:]:
        sizes: list[int] = []
        first = next((at for at, look in enumerate(reading.looks) if arm in look.significant), len(reading.looks))
        for look in (*(look.units for look in reading.looks[:first]), units):
            size = sum(look.values()) if is_planned else look.get(control, 0) + look.get(arm, 0)
            if size > (sizes[-1] if sizes else 0):
                sizes.append(size)
        rows.append(tuple(sizes) or (1,))
    return tuple(rows)

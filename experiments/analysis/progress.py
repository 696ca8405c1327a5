"""How far an experiment is: days, units, days left at the present traffic, what it could find now, futility."""

from dataclasses import replace
from datetime import datetime
from math import isfinite
from typing import Final

import numpy as np

from experiments.analysis.effects import Effects
from experiments.analysis.metrics import Measured
from experiments.analysis.plan import Plan
from experiments.analysis.tables import Table
from experiments.results import Progress
from experiments.stats.futility import predictive_power
from experiments.stats.power import InferenceKind, planned_boundaries, planned_futility, required_drift

TRAFFIC_DAYS: Final = 7
"""The days whose new units say how many will come."""
DAY_SECONDS: Final = 86_400


def progress_of(plan: Plan, table: Table, goal: Measured | None, at: datetime) -> Progress:
    """Return how far the plan is at a moment. Of an experiment that ended, nothing is left."""
    end = at if plan.ended_at is None else min(plan.ended_at, at)
    days = 0.0 if plan.started_at is None else max((end - plan.started_at).total_seconds(), 0.0) / DAY_SECONDS
    units = float(table.sums.n[:, 0].sum())
    information = None if plan.planned_total is None else units / plan.planned_total
    power, is_futile = _futility(plan, goal, information)
    return Progress(
        days=days,
        days_left=_days_left(plan, table, units, days),
        minimum_days=plan.minimum_days,
        maximum_days=plan.maximum_days,
        planned_units=plan.planned_units,
        information=information,
        detectable_effect=_detectable(plan, goal),
        predictive_power=power,
        is_futile=is_futile,
    )


def _days_left(plan: Plan, table: Table, units: float, days: float) -> float | None:
    """Return the days until the planned units are there, within the shortest and the longest runtime."""
    if plan.design.kind == "holdout" or plan.started_at is None:
        return None
    if plan.ended_at is not None:
        return 0.0
    longest = max(plan.maximum_days - days, 0.0)
    if plan.planned_total is None:
        return longest
    daily = _units_a_day(table, units, days)
    missing = max(plan.planned_total - units, 0.0)
    needed = missing / daily if daily > 0 else float("inf")
    return min(max(needed, plan.minimum_days - days, 0.0), longest)


def _units_a_day(table: Table, units: float, days: float) -> float:
    """Return the new units a day of the last whole days, or since the start."""
    whole = [place for place, day in enumerate(table.rows.days) if day < table.today][-TRAFFIC_DAYS:]
    if len(whole) < 2:
        return units / max(days, 1 / 24)
    each = table.sums.n[:, table.rows.day_slice].sum(axis=(0, 2))[whole]
    return float(each.mean())


def _detectable(plan: Plan, goal: Measured | None) -> float | None:
    """Return the smallest effect that the units of now would find in every arm, as a share of the control.

    It starts from the standard errors as they are, so shares of arms and variances of both count as they came.
    """
    if goal is None:
        return None
    effects = goal.effects
    errors, control = effects.errors[0], np.abs(effects.control[0])
    if not np.isfinite(errors).all() or not (errors > 0).all() or not (control > 0).all():
        return None
    # Holm may ask the full correction of each arm.
    analysis = replace(plan.analysis, alpha=plan.alpha / len(errors))
    drifts = [required_drift(analysis, None if analysis.n_star is None else n) for n in effects.n[0].tolist()]
    effect = float((np.array(drifts) * errors / control).max())
    return effect if isfinite(effect) else None


def _futility(plan: Plan, goal: Measured | None, information: float | None) -> tuple[float | None, bool]:
    """Return the chance that the best arm ends better, and whether it is below the plan's threshold."""
    if goal is None or not information or plan.planned_pair is None or plan.design.kind == "holdout":
        return None, False
    z = _best_score(goal.effects, goal.result.higher_is_better)
    if z is None:
        return None, False
    bound = _final_bound(plan)
    power = predictive_power(z, min(information, 1.0), bound)
    is_early = information < 1 and plan.ended_at is None
    return power, is_early and planned_futility(plan.analysis).is_futile(z, information)


def _final_bound(plan: Plan) -> float:
    if plan.inference is InferenceKind.FIXED:
        return planned_boundaries(plan.analysis).upper[-1]
    return planned_futility(plan.analysis).final_bound


def _best_score(effects: Effects, higher_is_better: bool) -> float | None:
    """Return the largest z of an arm, with the sign turned so that more is better."""
    with np.errstate(invalid="ignore", divide="ignore"):
        z = (effects.values[0] / effects.errors[0]) * (1 if higher_is_better else -1)
    usable = z[np.isfinite(z)]
    return float(usable.max()) if usable.size else None

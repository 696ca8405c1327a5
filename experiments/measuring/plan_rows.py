"""The plan as rows of temporary tables. Pure."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from experiments.measuring.plan import ExperimentPlan, Plan, base_of, pairs_of
from experiments.metrics.base import Variable
from experiments.metrics.registry import ANSWERS

Row = dict[str, Any]


def rows_of(plan: Plan) -> dict[str, list[Row]]:
    """Return the rows of each table that holds the plan."""
    plans, width = plan.experiments, plan.width
    activations = [(one, one.activation) for one in plans if one.activation is not None]
    return {
        "m_arm": [row for one in plans for row in _arm_rows(one)],
        "m_variable": [row for one in plans for row in _variable_rows(one, plan.base_numbers)],
        "m_activation": [_base_row(activation, one, plan.base_numbers) for one, activation in activations],
        "m_layout": [_layout_row(one, width) for one in plans],
    }


def bases_of(plan: ExperimentPlan) -> set[Variable]:
    """Return what must be looked for."""
    place = _answers_place(plan)
    variables = [one for number, one in enumerate(plan.variables) if number != place]
    return {base_of(one) for one in (*variables, plan.activation) if one is not None}


def _variable_rows(plan: ExperimentPlan, numbers: dict[Variable, int]) -> Iterable[Row]:
    answers = _answers_place(plan)
    for place, one in enumerate(plan.variables):
        if place != answers:
            slot = -1 - place if one.aggregate == "any" else place
            yield {**_base_row(one, plan, numbers), "slot": slot, "is_before": one.is_before}


def _base_row(variable: Variable, plan: ExperimentPlan, numbers: dict[Variable, int]) -> Row:
    hours = variable.window_hours
    return {
        "experiment_id": plan.pk,
        "base": numbers[base_of(variable)],
        "span": None if hours is None else f"{hours} hours",
        "ended_at": _moment(plan.ended_at),
    }


def _layout_row(plan: ExperimentPlan, widest: int) -> Row:
    answers, width = _answers_place(plan), len(plan.variables)
    return {
        "experiment_id": plan.pk,
        "width": width,
        "pairs": [number for number, (_, other) in enumerate(pairs_of(widest), 1) if other < width],
        "zeros": [0] * width,
        "answers": None if answers is None else 1 + answers,
        "sketched": sorted(plan.sketched),
    }


def _answers_place(plan: ExperimentPlan) -> int | None:
    """Return the place of the number of all lists, which is found together with the first exposures.

    Most experiments have it, and every exposure counts. A list within a window, or after an activation, is an outcome
    as any other.
    """
    return None if plan.activation is not None or ANSWERS not in plan.variables else plan.variables.index(ANSWERS)


def _arm_rows(plan: ExperimentPlan) -> Iterable[Row]:
    for epoch in plan.epochs:
        for stated, arm in plan.arms:
            yield {
                "experiment_id": plan.pk,
                "key": plan.key,
                "epoch": epoch.number,
                "stated": stated,
                "arm": arm,
                "since": _moment(epoch.since),
                "until": _moment(epoch.until),
                "ended_at": _moment(plan.ended_at),
            }


def _moment(moment: datetime | None) -> str:
    return "infinity" if moment is None else moment.isoformat()

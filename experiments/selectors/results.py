"""The results of an experiment: reads rows, and leaves all arithmetic to `experiments.analysis`."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from django.db import connection
from django.db.models import Sum

from common import clock
from common.errors import NotFound
from experiments.analysis.analyze import Moment, analyze, is_decisive
from experiments.analysis.plan import MetricUse, Plan
from experiments.analysis.readings import CellRow, LookRow, Reading
from experiments.models import Experiment, Look, Withheld
from experiments.results import ExperimentResults, Role
from experiments.selectors.designs import design_of
from experiments.selectors.metrics import metrics_of, variables
from experiments.stats.power import InferenceKind

CELLS: Final = """
SELECT epoch, arm, dimension, value, n, quarantined, sums::float8[], products::float8[], sketches::text
FROM experiments_cell WHERE experiment_id = %s AND (dimension IN ('', 'day') OR %s)
"""


def results_of(key: str, *, at: datetime | None = None, with_breakdowns: bool = True) -> ExperimentResults:
    """Return the results of an experiment now, or as if it were `at`. Raises NotFound."""
    row = experiment_row(key)
    return results_of_row(row, at=at, with_breakdowns=with_breakdowns)


def results_of_row(
    row: Experiment, *, at: datetime | None = None, with_breakdowns: bool = True, is_look: bool = False
) -> ExperimentResults:
    """Return the results of a row of `experiment_row`; `is_look` takes a look of the plan with the present numbers."""
    plan = plan_of(row)
    reading = reading_of(row, plan, with_breakdowns=with_breakdowns)
    return analyze(plan, reading, Moment(at or clock.now(), is_look), with_breakdowns=with_breakdowns)


def experiment_row(key: str) -> Experiment:
    """Return the row with its arms, epochs and namespace. Raises NotFound."""
    rows = Experiment.objects.select_related("namespace").prefetch_related("arms", "epochs")
    row = rows.filter(key=key).first()
    if row is None:
        raise NotFound(f"There is no experiment {key}.")
    return row


def plan_of(row: Experiment) -> Plan:
    """Return the plan of an experiment."""
    metrics = metrics_of(row)
    return Plan(
        design=design_of(row),
        metrics=tuple(MetricUse(one, _role(row, one.key), one.margin) for one in metrics),
        variables=variables(metrics),
        factors=row.factors,
        inference=InferenceKind(row.inference),
        alpha=row.alpha,
        power=row.power,
        minimum_effect=row.minimum_effect,
        planned_units=row.planned_units,
        planned_looks=row.planned_looks,
        minimum_days=row.minimum_runtime_days,
        maximum_days=row.maximum_runtime_days,
        weights={epoch.number: epoch.weights for epoch in row.epochs.all()},
        started_at=row.started_at,
        ended_at=row.ended_at,
        final_arm=row.final_arm,
    )


def reading_of(row: Experiment, plan: Plan, *, with_breakdowns: bool = True) -> Reading:
    """Return what was measured. Without breakdowns the cells of groups are left out."""
    with connection.cursor() as cursor:
        cursor.execute(CELLS, [row.pk, with_breakdowns])
        cells = tuple(CellRow(*one) for one in cursor.fetchall())
    withheld = Withheld.objects.filter(experiment=row).values_list("arm").annotate(total=Sum("n"))
    looks = tuple(
        LookRow(*one)
        for one in Look.objects.filter(experiment=row).order_by("number").values_list("number", "at", "units")
    )
    return Reading(cells, dict(withheld), looks, _significant(row, plan, looks))


def _role(row: Experiment, key: str) -> Role:
    if key == row.goal_metric:
        return "goal"
    return "secondary" if key in row.secondary_metrics else "guardrail"


def _significant(row: Experiment, plan: Plan, looks: tuple[LookRow, ...]) -> frozenset[tuple[str, str]] | None:
    """Return metric and arm of what the last look that decided called significant; None before there is one."""
    deciding = [look.number for look in looks if is_decisive(plan, sum(look.units.values()))]
    if not deciding:
        return None
    number = deciding[0] if plan.inference is InferenceKind.FIXED else deciding[-1]
    results: Mapping[str, Any] = Look.objects.values_list("results", flat=True).get(experiment=row, number=number)
    return frozenset(
        (metric["key"], one["arm"])
        for metric in results["metrics"]
        for one in metric["comparisons"]
        if one["is_significant"]
    )

"""The results of an experiment: reads rows, and leaves all arithmetic to `experiments.analysis`."""

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

import orjson
from django.conf import settings
from django.db import connection
from django.db.models import F, Func, JSONField

from common import clock
from common.errors import NotFound
from experiments.analysis.analyze import Moment, analyze, is_decisive
from experiments.analysis.plan import MetricUse, Plan
from experiments.analysis.readings import LookRow, Reading
from experiments.models import Experiment, Look
from experiments.results import ExperimentResults, Role
from experiments.selectors.cells import read_cells
from experiments.selectors.counting import counted_until
from experiments.selectors.designs import design_of
from experiments.selectors.metrics import guardrail_keys, metrics_of, variables
from experiments.stats.power import InferenceKind

HEAD: Final = """
SELECT e.id, e.status, concat_ws(' ', e.xmin, e.ctid),
    (SELECT concat_ws(' ', count(*), max(number)) FROM experiments_look WHERE experiment_id = e.id),
    (SELECT jsonb_object_agg(arm, n)
     FROM (SELECT arm, sum(n) AS n FROM experiments_withheld WHERE experiment_id = e.id GROUP BY arm) AS by_arm)
FROM experiments_experiment AS e WHERE e.key = %s
"""
"""Arms and epochs change only together with their experiment's row, looks are only added and deleted."""

SIGNIFICANT_ARMS: Final = Func(
    F("results"),
    template=(
        "jsonb_path_query_array(%(expressions)s, "
        """'$.metrics[*] ? (@.role == "goal").comparisons[*] ? (@.is_significant == true).arm')"""
    ),
    output_field=JSONField(),
)
"""The arms whose effect on the goal a look called significant."""


class Head(NamedTuple):
    """An experiment's id and status, versions of its row and of its looks, and how many answers did not count."""

    id: int
    status: str
    version: str
    looks_version: str
    withheld: str | None


@dataclass(frozen=True, slots=True)
class Past:
    """The looks of an experiment, and what those that decided called significant: metric, arm, and whether better."""

    looks: tuple[LookRow, ...]
    significant: dict[tuple[str, str], bool] | None


def results_of(
    key: str, *, at: datetime | None = None, with_breakdowns: bool = True, is_look: bool = False
) -> ExperimentResults:
    """Return the results of an experiment now, or as if it were `at`. Raises NotFound.

    `is_look` reads them as a look of the plan, which may decide: `experiments.services.looks` takes one and stores it.
    """
    head, at = _head(key), at or clock.now()
    plan = _plan_at(head)
    past = _past(head.id, head.version, head.looks_version)
    reading = Reading(
        cells=read_cells(head.id, with_groups=with_breakdowns),
        withheld=orjson.loads(head.withheld or "{}"),
        looks=past.looks,
        significant=past.significant,
        counted_until=counted_until(at),
    )
    moment = Moment(at, at.astimezone(ZoneInfo(settings.SHOP_TIME_ZONE)).date(), is_look)
    return analyze(plan, reading, moment, with_breakdowns=with_breakdowns)


def plan_of(key: str) -> Plan:
    """Return the plan of an experiment's analysis. Raises NotFound."""
    return _plan_at(_head(key))


def _plan_at(head: Head) -> Plan:
    """Return the plan. It is remembered once the experiment started: its metrics change no more."""
    return _read_plan(head.id) if head.status == "draft" else _plan(head.id, head.version)


def _head(key: str) -> Head:
    with connection.cursor() as cursor:
        cursor.execute(HEAD, [key])
        row = cursor.fetchone()
    if row is None:
        raise NotFound(f"There is no experiment {key}.")
    return Head(*row)


@lru_cache(maxsize=512)
def _plan(experiment: int, _version: str) -> Plan:
    return _read_plan(experiment)


def _read_plan(experiment: int) -> Plan:
    rows = Experiment.objects.select_related("namespace").prefetch_related("arms", "epochs")
    row = rows.get(pk=experiment)
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


def _role(row: Experiment, key: str) -> Role:
    """A metric that guards is checked as a guardrail, also where the page shows it among others."""
    if key == row.goal_metric:
        return "goal"
    return "guardrail" if key in guardrail_keys(row) else "secondary"


@lru_cache(maxsize=512)
def _past(experiment: int, version: str, _looks_version: str) -> Past:
    plan = _plan(experiment, version)
    rows = Look.objects.filter(experiment_id=experiment).annotate(arms=SIGNIFICANT_ARMS).order_by("number")
    looks = tuple(
        LookRow(number, at, units, frozenset(arms))
        for number, at, units, arms in rows.values_list("number", "at", "units", "arms")
    )
    decisive_numbers = [look.number for look in looks if is_decisive(plan, sum(look.units.values()))]
    if not decisive_numbers:
        return Past(looks, None)
    numbers = decisive_numbers[:1] if plan.inference is InferenceKind.FIXED else decisive_numbers
    decisive = Look.objects.filter(experiment_id=experiment, number__in=numbers).order_by("-number")
    significant: dict[tuple[str, str], bool] = {}
    for metrics in decisive.values_list("results__metrics", flat=True):
        significant |= _significant(metrics)
    return Past(looks, significant)


def _significant(metrics: list[Any]) -> dict[tuple[str, str], bool]:
    """Return metric and arm of what a stored look called significant, and whether the arm was better then."""
    pairs = [(metric["key"], one) for metric in metrics for one in metric["comparisons"]]
    return {(key, one["arm"]): one["is_better"] for key, one in pairs if one["is_significant"]}

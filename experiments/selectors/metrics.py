"""The metrics of the shop: those that come with the product, and those that marketers defined."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from common.errors import NotFound
from experiments.fairness import GroupGuardrail
from experiments.metrics.base import Metric, Variable
from experiments.metrics.definition import FIELDS, metric_of
from experiments.metrics.registry import METRICS
from experiments.models import Experiment, MetricDefinition


def all_metrics(*, with_archived: bool = False) -> dict[str, Metric]:
    """Return all metrics by key, those of the product first. Archived ones may be in no new design."""
    rows = MetricDefinition.objects.order_by("name", "key")
    rows = rows if with_archived else rows.filter(is_archived=False)
    return METRICS | {row.key: metric_of_row(row) for row in rows}


def metric(key: str) -> Metric:
    """Return a metric, archived ones too. Raises NotFound."""
    if key in METRICS:
        return METRICS[key]
    row = MetricDefinition.objects.filter(key=key).first()
    if row is None:
        raise NotFound(f"There is no metric {key}.")
    return metric_of_row(row)


def metrics_of(row: Experiment) -> tuple[Metric, ...]:
    """Return the metrics of an experiment, each once: the goal, secondary ones, guardrails with their own margins.

    Keys that nothing defines are left out.
    """
    by_key = _metrics(keys_of(row))
    margins = margins_of(row)
    return tuple(
        replace(by_key[key], margin=margins.get(key, by_key[key].margin)) for key in keys_of(row) if key in by_key
    )


def variables_of(row: Experiment) -> tuple[Variable, ...]:
    """Return the variables of an experiment in the order of `Exposure.values` and `Cell.sums`.

    First what units did after the exposure, then the same before it.
    """
    return variables(metrics_of(row))


def variables(metrics: Iterable[Metric]) -> tuple[Variable, ...]:
    """Return the variables that some metrics need, each once, and then the same before the exposure."""
    after = list(dict.fromkeys(variable for one in metrics for variable in one.variables))
    before = dict.fromkeys(earlier for one in after if (earlier := one.before) is not None)
    return (*after, *before)


def activation_of(row: Experiment) -> Variable | None:
    """Return what a unit must have done to count, None where the exposure is enough."""
    by_key = _metrics([row.activation_metric])
    return by_key[row.activation_metric].numerator if row.activation_metric in by_key else None


def margins_of(row: Experiment) -> dict[str, float]:
    """Return the margin of each guardrail of all units that the design states one for."""
    return {
        one["metric"]: float(one["margin"])
        for one in row.guardrail_metrics
        if isinstance(one, Mapping) and one.get("margin") is not None and not one.get("dimension")
    }


def guardrail_keys(row: Experiment) -> frozenset[str]:
    """Return the keys of the metrics that guard all units. What guards groups alone is not among them."""
    return frozenset(
        one["metric"] if isinstance(one, Mapping) else one
        for one in row.guardrail_metrics
        if not (isinstance(one, Mapping) and one.get("dimension"))
    )


def group_guardrails(row: Experiment) -> tuple[GroupGuardrail, ...]:
    """Return the guardrails of a design that name a dimension. A blank margin is the metric's own."""
    groups = [one for one in row.guardrail_metrics if isinstance(one, Mapping) and one.get("dimension")]
    by_key = _metrics(one["metric"] for one in groups)
    return tuple(
        GroupGuardrail(key, one["dimension"], by_key[key].margin if (margin := one.get("margin")) is None else margin)
        for one in groups
        if (key := one["metric"]) in by_key
    )


def metric_of_row(row: MetricDefinition) -> Metric:
    """Return the metric of a row."""
    return metric_of(row.key, {name: getattr(row, name) for name in FIELDS})


def keys_of(row: Experiment) -> list[str]:
    """Return the keys of an experiment's metrics, each once: the goal, secondary ones, guardrails."""
    guardrails = [one["metric"] if isinstance(one, Mapping) else one for one in row.guardrail_metrics]
    return [key for key in dict.fromkeys([row.goal_metric, *row.secondary_metrics, *guardrails]) if key]


def _metrics(keys: Iterable[str]) -> dict[str, Metric]:
    names = list(keys)
    rows: Any = MetricDefinition.objects.filter(key__in=[key for key in names if key not in METRICS])
    return {key: METRICS[key] for key in names if key in METRICS} | {row.key: metric_of_row(row) for row in rows}

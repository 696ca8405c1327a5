"""Marketers define metrics here. A metric that a started experiment uses never changes."""

from collections.abc import Mapping
from typing import Any

from django.db import transaction

from audit.services import record
from common.errors import Conflict, InvalidInput, NotFound
from experiments.metrics.definition import FIELDS, as_document, metric_of
from experiments.metrics.registry import METRICS
from experiments.models import Experiment, MetricDefinition, Status
from experiments.selectors.metrics import keys_of


@transaction.atomic
def define_metric(key: str, *, data: Mapping[str, Any], actor: str) -> MetricDefinition:
    """Define a metric, or change one that no experiment was started with; return its row.

    `data` holds `name`, `kind`, `numerator`, and as needed `denominator`, `description`, `display`, `margin`,
    `higher_is_better`, `winsor_share`, `has_quantiles`. A numerator is a `Variable` as a document.
    Raises InvalidInput, which names the field, and Conflict for a metric in use.
    """
    if key in METRICS:
        raise InvalidInput.of("key", f"{key} comes with the product: take another key")
    metric = metric_of(key, data)
    row = MetricDefinition.objects.select_for_update().filter(key=key).first()
    action = "metric.defined" if row is None else "metric.changed"
    if row is not None:
        _check_unused(key)
    row = row or MetricDefinition(key=key, created_by=actor)
    for name in FIELDS:
        setattr(row, name, getattr(metric, name))
    row.numerator, row.denominator = as_document(metric.numerator), as_document(metric.denominator)
    row.save()
    _record(row, action, actor)
    return row


@transaction.atomic
def archive_metric(key: str, *, actor: str, is_archived: bool = True) -> MetricDefinition:
    """Keep a metric from new designs, or let it back in; return its row. Raises NotFound."""
    row = MetricDefinition.objects.select_for_update().filter(key=key).first()
    if row is None:
        raise NotFound(f"There is no metric {key} that a marketer defined.")
    if row.is_archived != is_archived:
        row.is_archived = is_archived
        row.save(update_fields=["is_archived"])
        _record(row, "metric.archived" if is_archived else "metric.restored", actor)
    return row


def experiments_with(key: str) -> list[Experiment]:
    """Return the experiments that name a metric and were started, archived ones too."""
    started = Experiment.objects.exclude(status=Status.DRAFT).order_by("key")
    return [row for row in started if key in (*keys_of(row), row.activation_metric)]


def _check_unused(key: str) -> None:
    if users := experiments_with(key):
        raise Conflict(f"{users[0].key} was started with this metric: define another one under a new key.")


def _record(row: MetricDefinition, action: str, actor: str) -> None:
    """Write the audit event. Names and properties of events are the shop's words, no shopper's."""
    stated = {name: _plain(getattr(row, name)) for name in FIELDS if name != "description"}
    record(category="experiment", action=action, actor=actor, object=f"metric:{row.key}", data=stated)


def _plain(value: Any) -> Any:
    """Return a value that the audit log may hold; it has no floats."""
    if isinstance(value, float):
        return f"{value:.10g}"
    if isinstance(value, Mapping):
        return {str(name): _plain(inner) for name, inner in value.items()}
    return [_plain(one) for one in value] if isinstance(value, list | tuple) else value

"""Which fields of events the shop's metrics read: the door keeps them."""

from collections.abc import Iterator

from events.field_list import PROPERTY, Allowance
from experiments.metrics.base import Variable
from experiments.selectors.metrics import all_metrics

PURPOSES = ("analytics", "experiments")


def metric_fields() -> Iterator[Allowance]:
    """Yield each property that a metric reads, archived ones too: a running experiment may still measure them."""
    for metric in all_metrics(with_archived=True).values():
        for variable in (metric.numerator, metric.denominator):
            for event, field in _properties_of(variable) if variable else ():
                yield Allowance(f"{PROPERTY}{field}", PURPOSES, f"the metric “{metric.name}”", event)


def _properties_of(variable: Variable) -> Iterator[tuple[str, str]]:
    if variable.source != "events":
        return
    fields = {one.field for one in variable.filters} | ({variable.field} if variable.field else set())
    yield from ((event, field) for event in variable.events or ("",) for field in sorted(fields))

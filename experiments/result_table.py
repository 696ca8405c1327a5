"""Results as a table for spreadsheets: one row for each metric, group and arm. Pure."""

import csv
import io
from collections.abc import Iterator, Sequence
from typing import Any, Final

from common.spreadsheet import defused
from experiments.results import ArmComparison, ArmValue, ExperimentResults, MetricResult

COLUMNS: Final = (
    *("experiment", "metric", "role", "dimension", "group", "arm", "units", "value"),
    *("effect", "effect_low", "effect_high", "relative", "relative_low", "relative_high"),
    *("p", "adjusted_p", "significant", "inference"),
)


def table_rows(results: ExperimentResults) -> Iterator[tuple[Any, ...]]:
    """Yield the rows below `COLUMNS`: all units first, with an empty dimension, then groups, then days.

    Days have values; their effects would be those of a few units.
    """
    for metric in results.metrics:
        for dimension, group, values, compared in _groups(metric):
            effects = {one.arm: one for one in compared}
            for value in values:
                head = results.key, metric.key, metric.role, dimension, group
                yield (*head, *_cells(value, effects.get(value.arm), results.inference))


def as_csv(results: ExperimentResults) -> str:
    """Return the table as CSV. No cell is run as a formula."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    for row in table_rows(results):
        writer.writerow(["" if one is None else defused(str(one)) for one in row])
    return text.getvalue()


def _groups(metric: MetricResult) -> Iterator[tuple[str, str, Sequence[ArmValue], Sequence[ArmComparison]]]:
    yield "", "", metric.arms, metric.comparisons
    for breakdown in metric.breakdowns:
        for group in breakdown.groups:
            yield breakdown.dimension, group.value, group.arms, group.comparisons
    for day in metric.days:
        yield "day", day.day.isoformat(), day.arms, ()


def _cells(value: ArmValue, one: ArmComparison | None, inference: str) -> tuple[Any, ...]:
    head = value.arm, value.units, value.value
    if one is None:
        return (*head, *[None] * (len(COLUMNS) - 9), inference)
    absolute, relative = one.absolute, one.relative
    return (
        *head,
        *(absolute.value, absolute.low, absolute.high, relative.value, relative.low, relative.high),
        *(one.p_value, one.adjusted_p_value, "yes" if one.is_significant else "no", inference),
    )

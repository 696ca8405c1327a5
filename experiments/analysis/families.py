"""Holm's correction beyond arms: over all metrics beside the goal, and over all groups of all metrics.

The goal is the one question that the experiment was designed for, so it is corrected over its arms alone. Whoever reads
ten metrics or forty groups finds something by chance, so each of these two is a family of its own.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace

import numpy as np

from experiments.analysis.comparisons import Row
from experiments.results import Breakdown, Group, MetricResult

Pasts = Sequence[Collection[str]]
"""For each metric, the arms that an earlier look of the plan found significant."""


def corrected_metrics(results: Sequence[MetricResult], pasts: Pasts, *, alpha: float) -> tuple[MetricResult, ...]:
    """Return the metrics, those beside the goal corrected together. What an earlier look found stays found.

    At planned looks p-values are nominal and decide nothing: the bounds of these metrics are stricter instead.
    """
    others = [place for place, one in enumerate(results) if one.role != "goal"]
    rows = [results[place].comparisons for place in others]
    total = sum(map(len, rows))
    adjusted = dict(zip(others, _corrected(rows, total, alpha, [pasts[place] for place in others]), strict=True))
    return tuple(
        replace(one, comparisons=adjusted[place]) if place in adjusted else one for place, one in enumerate(results)
    )


def corrected_groups(results: Sequence[MetricResult], group_count: int, *, alpha: float) -> tuple[MetricResult, ...]:
    """Return the metrics with the groups of all of them corrected together.

    `group_count` are the groups ever seen, in all dimensions: those that are not shown might have been the ones shown.
    """
    rows = [group.comparisons for one in results for breakdown in one.breakdowns for group in breakdown.groups]
    arms = max(map(len, rows), default=0)
    total = max(group_count * len(results) * arms, sum(map(len, rows)))
    corrected = iter(_corrected(rows, total, alpha, [frozenset()] * len(rows)))

    def renewed(group: Group) -> Group:
        row = next(corrected)
        return group if row is group.comparisons else replace(group, comparisons=row)

    return tuple(
        replace(
            one,
            breakdowns=tuple(
                Breakdown(breakdown.dimension, tuple(map(renewed, breakdown.groups))) for breakdown in one.breakdowns
            ),
        )
        for one in results
    )


def _corrected(rows: Sequence[Row], total: int, alpha: float, pasts: Pasts) -> Iterable[Row]:
    """Return the rows with p-values adjusted after Holm among `total` comparisons; none becomes significant."""
    raw = np.array([one.p_value for row in rows for one in row])
    order = np.argsort(raw, kind="stable")
    adjusted = np.empty(len(raw))
    steps = raw[order] * (total - np.arange(len(raw)))
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0) if len(raw) else steps
    values = iter(adjusted.tolist())
    for row, past in zip(rows, pasts, strict=True):
        p_values = [next(values) for _ in row]
        if all(p == one.adjusted_p_value for p, one in zip(p_values, row, strict=True)):
            yield row
            continue
        yield tuple(
            replace(
                one,
                adjusted_p_value=p,
                is_significant=one.is_significant and (p < alpha or one.arm in past),
            )
            for p, one in zip(p_values, row, strict=True)
        )

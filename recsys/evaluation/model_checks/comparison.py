"""Metrics of challenger and reference over the same held-out shoppers, and of groups, with paired differences."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from recsys.evaluation.model_checks.case import Case
from recsys.evaluation.model_checks.checks import MAX_NAMED_GROUPS, MIN_NAMED_SHOPPERS
from recsys.evaluation.model_checks.fairness import MIN_GROUP, group_members
from recsys.metrics.hits import hits, target_counts
from recsys.metrics.intervals import Interval, intervals
from recsys.metrics.registry import metric_values

K = 10


@dataclass(frozen=True, slots=True)
class MetricComparison:
    """One metric, such as `ndcg@10`: both means, and the mean of challenger minus reference, shopper by shopper.

    The three 95 % intervals share their resamples, so that of `difference` is paired.
    """

    metric: str
    challenger: Interval
    reference: Interval
    difference: Interval


@dataclass(frozen=True, slots=True)
class GroupComparison:
    """NDCG@10 of one group of shoppers, as `MetricComparison` has it of all; `kind` and `label` name the group."""

    kind: str
    label: str
    challenger: Interval
    reference: Interval
    difference: Interval


def compare_metrics(case: Case) -> Sequence[MetricComparison]:
    """Return the comparison of every ranking metric at 10; none where nobody was asked."""
    if not case.challenger.targets:
        return ()
    ours, theirs = (
        metric_values(hits(table.slates, table.targets, case.catalog_view.n_items), target_counts(table.targets), k=K)
        for table in (case.challenger, case.reference)
    )
    return tuple(_compared(f"{name}@{K}", ours[name], theirs[name]) for name in ours)


def _compared(metric: str, ours: np.ndarray, theirs: np.ndarray) -> MetricComparison:
    return MetricComparison(metric, *intervals(np.stack([ours, theirs, ours - theirs], axis=1)))


def compare_groups(case: Case) -> Sequence[GroupComparison]:
    """Return NDCG@10 of each group that is large enough to judge, and of the largest others that may be named."""
    if not case.challenger.targets:
        return ()
    groups = group_members(case.challenger.groups)
    small = [one for one in groups if MIN_NAMED_SHOPPERS <= len(one[2]) < MIN_GROUP]
    small = sorted(small, key=lambda one: -len(one[2]))[:MAX_NAMED_GROUPS]
    ours, theirs = (table.ndcg(case.catalog_view.n_items) for table in (case.challenger, case.reference))
    columns = np.stack([ours, theirs, ours - theirs], axis=1)
    large = [one for one in groups if len(one[2]) >= MIN_GROUP]
    return tuple(GroupComparison(kind, label, *intervals(columns[rows])) for kind, label, rows in (*large, *small))

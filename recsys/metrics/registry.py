"""All ranking metrics by name. A new metric needs one line here; reports, pages and the behavior suite follow."""

from collections.abc import Mapping, Sequence

import numpy as np

from recsys.arrays import Bools, Doubles, Ints, Longs
from recsys.metrics import hit_rate, mrr, precision, recall
from recsys.metrics import ndcg as ndcg_metric
from recsys.metrics.base import Metric
from recsys.metrics.hits import hits, hits_with_targets, target_counts
from recsys.metrics.intervals import Interval, intervals

METRICS: tuple[Metric, ...] = (
    ndcg_metric.METRIC,
    precision.METRIC,
    recall.METRIC,
    hit_rate.METRIC,
    mrr.METRIC,
)
CUTOFFS = (5, 10, 20)
MAX_CUTOFF = CUTOFFS[-1]
"""The length of the slates that metrics need."""


def values_with_targets(
    slates: Ints, targets: Sequence[Longs], n_items: int, *, metric: str, k: int = 10
) -> tuple[Longs, Doubles]:
    """Return the indices of the rows with targets, int64[m], and their values of a metric at k, float64[m]."""
    rows, hit, counts = hits_with_targets(slates, targets, n_items)
    return rows, metric_values(hit, counts, k=k)[metric]


def metric_values(hit: Bools, n_targets: Longs, *, k: int) -> dict[str, Doubles]:
    """Return float64[n] for each metric at cut-off k; arguments as in `Metric.values`."""
    return {metric.name: metric.values(hit, n_targets, k) for metric in METRICS}


def all_metrics(hit: Bools, n_targets: Longs, *, shoppers: Longs) -> Mapping[str, Interval]:
    """Return the mean and interval of each metric and cut-off, by names such as `ndcg@10`; `shoppers` is int64[n]."""
    columns = {f"{name}@{k}": values for k in CUTOFFS for name, values in metric_values(hit, n_targets, k=k).items()}
    results = intervals(np.stack(list(columns.values()), axis=1), shoppers=shoppers)
    return dict(zip(columns, results, strict=True))


def ndcg(slates: Ints, targets: Sequence[Longs], n_items: int) -> Doubles:
    """Return float64[n]: NDCG@10 of each row of the slates, int32[n, k] padded with -1."""
    return ndcg_metric.values(hits(slates, targets, n_items), target_counts(targets), 10)


def mean_ndcg(slates: Ints, targets: Sequence[Longs], n_items: int) -> float:
    """Return the mean NDCG@10; 0 without rows."""
    values = ndcg(slates, targets, n_items)
    return float(values.mean()) if len(values) else 0.0

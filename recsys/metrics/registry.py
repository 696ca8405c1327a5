"""Every ranking metric by name. One line adds one: reports, pages and the behavior suite follow."""

from collections.abc import Mapping, Sequence

import numpy as np

from recsys.arrays import Bools, Doubles, Ints, Longs
from recsys.metrics import hit_rate, mrr, precision, recall
from recsys.metrics import ndcg as ndcg_metric
from recsys.metrics.base import Metric
from recsys.metrics.hits import asked_hits, hits, sizes_of
from recsys.metrics.intervals import Interval, intervals

METRICS: tuple[Metric, ...] = (
    ndcg_metric.METRIC,
    precision.METRIC,
    recall.METRIC,
    hit_rate.METRIC,
    mrr.METRIC,
)
CUTOFFS = (5, 10, 20)
DEEPEST = CUTOFFS[-1]
"""How long the slates are that metrics are taken of."""


def asked_values(slates: Ints, targets: Sequence[Longs], n_items: int, *, metric: str) -> tuple[Longs, Doubles]:
    """Return which rows have a target at all, and a metric at 10 of each of these, by its name in `METRICS`."""
    asked, hit, sizes = asked_hits(slates, targets, n_items)
    return asked, per_question(hit, sizes, k=10)[metric]


def per_question(hit: Bools, n_targets: Longs, *, k: int) -> dict[str, Doubles]:
    """Return float64[n] per metric at cut-off k. hit is bool[n, depth], n_targets int64[n]."""
    return {metric.name: metric.values(hit, n_targets, k) for metric in METRICS}


def all_metrics(hit: Bools, n_targets: Longs, *, shoppers: Longs) -> Mapping[str, Interval]:
    """Return every metric at every cut-off, as `ndcg@10` and so on; row i is a question of `shoppers[i]`."""
    columns = {f"{name}@{k}": values for k in CUTOFFS for name, values in per_question(hit, n_targets, k=k).items()}
    told = intervals(np.stack(list(columns.values()), axis=1), shoppers=shoppers)
    return dict(zip(columns, told, strict=True))


def ndcg(found: Ints, targets: Sequence[Longs], n_items: int) -> Doubles:
    """Return NDCG@10 per shopper."""
    return ndcg_metric.values(hits(found, targets, n_items), sizes_of(targets), 10)


def mean_ndcg(found: Ints, targets: Sequence[Longs], n_items: int) -> float:
    """Return the mean NDCG@10; 0 where nobody was asked."""
    values = ndcg(found, targets, n_items)
    return float(values.mean()) if len(values) else 0.0

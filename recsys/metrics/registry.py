"""Every ranking metric by name. One line adds one: reports, pages and the behavior suite follow."""

from collections.abc import Mapping, Sequence

import numpy as np

from recsys.arrays import Bools, Doubles, Ints, Longs
from recsys.metrics.hits import asked_hits, hits, sizes_of
from recsys.metrics.intervals import Interval, intervals

CUTOFFS = (5, 10, 20)
DEEPEST = CUTOFFS[-1]
"""How long the slates are that metrics are taken of."""


def asked_values(slates: Ints, targets: Sequence[Longs], n_items: int, *, metric: str) -> tuple[Longs, Doubles]:
    """Return which rows have a target at all, and a metric at 10 of each of these, by its name in `per_shopper`."""
    asked, hit, sizes = asked_hits(slates, targets, n_items)
    return asked, per_shopper(hit, sizes, k=10)[metric]


def per_shopper(hit: Bools, n_targets: Longs, *, k: int) -> dict[str, Doubles]:
    """Return float64[n] per metric at cut-off k; relevance is binary, the ideal list holds min(k, targets) of them."""
    top = hit[:, :k]
    found = top.sum(axis=1).astype(np.float64)
    discount = 1 / np.log2(np.arange(k) + 2)
    ideal = np.cumsum(discount)[np.minimum(np.maximum(n_targets, 1), k) - 1]
    first = np.where(top.any(axis=1), top.argmax(axis=1) + 1.0, np.inf)
    return {
        "ndcg": (top * discount[: top.shape[1]]).sum(axis=1) / ideal,
        "precision": found / k,
        "recall": found / np.maximum(n_targets, 1),
        "hit_rate": (found > 0).astype(np.float64),
        "mrr": 1 / first,
    }


def all_metrics(hit: Bools, n_targets: Longs, *, shoppers: Longs) -> Mapping[str, Interval]:
    """Return every metric at every cut-off, as `ndcg@10` and so on; row i is a question of `shoppers[i]`."""
    columns = {f"{name}@{k}": values for k in CUTOFFS for name, values in per_shopper(hit, n_targets, k=k).items()}
    told = intervals(np.stack(list(columns.values()), axis=1), shoppers=shoppers)
    return dict(zip(columns, told, strict=True))


def ndcg(found: Ints, targets: Sequence[Longs], n_items: int) -> Doubles:
    """Return NDCG@10 per shopper."""
    return per_shopper(hits(found, targets, n_items), sizes_of(targets), k=10)["ndcg"]


def mean_ndcg(found: Ints, targets: Sequence[Longs], n_items: int) -> float:
    """Return the mean NDCG@10; 0 where nobody was asked."""
    values = ndcg(found, targets, n_items)
    return float(values.mean()) if len(values) else 0.0

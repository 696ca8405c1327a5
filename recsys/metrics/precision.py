"""Precision: the share of the first k positions that hold a target."""

from recsys.arrays import Bools, Doubles, Longs
from recsys.metrics.base import Metric


def values(hits: Bools, n_targets: Longs, k: int) -> Doubles:
    """Return float64[n], as `Metric.values`."""
    share: Doubles = hits[:, :k].sum(axis=1) / k
    return share


METRIC = Metric("precision", "Precision", values)

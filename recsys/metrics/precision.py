"""Precision: the share of the first k positions that hold a target."""

import numpy as np

from recsys.arrays import Bools, Doubles, Longs
from recsys.metrics.base import Metric


def values(hits: Bools, n_targets: Longs, k: int) -> Doubles:
    """Return float64[n], as `Metric.values`."""
    return np.asarray(hits[:, :k].sum(axis=1) / k, np.float64)


METRIC = Metric("precision", "Precision", values)

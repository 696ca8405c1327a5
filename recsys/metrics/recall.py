"""Recall: the share of the targets among the first k positions."""

import numpy as np

from recsys.arrays import Bools, Doubles, Longs
from recsys.metrics.base import Metric


def values(hits: Bools, n_targets: Longs, k: int) -> Doubles:
    """Return float64[n], as `Metric.values`."""
    share: Doubles = hits[:, :k].sum(axis=1) / np.maximum(n_targets, 1)
    return share


METRIC = Metric("recall", "Recall", values)

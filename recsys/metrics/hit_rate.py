"""Hit rate: 1 if the first k positions hold a target, else 0."""

import numpy as np

from recsys.arrays import Bools, Doubles, Longs
from recsys.metrics.base import Metric


def values(hits: Bools, n_targets: Longs, k: int) -> Doubles:
    """Return float64[n], as `Metric.values`."""
    return np.asarray(hits[:, :k].any(axis=1), np.float64)


METRIC = Metric("hit_rate", "Hit rate", values)

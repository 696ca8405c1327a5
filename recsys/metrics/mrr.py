"""Mean reciprocal rank: 1 / position of the first target among the first k, 0 without one."""

import numpy as np

from recsys.arrays import Bools, Doubles, Longs
from recsys.metrics.base import Metric


def values(hits: Bools, n_targets: Longs, k: int) -> Doubles:
    """Return float64[n], as `Metric.values`."""
    top = hits[:, :k]
    return np.where(top.any(axis=1), 1 / (top.argmax(axis=1) + 1.0), 0.0)


METRIC = Metric("mrr", "MRR", values)

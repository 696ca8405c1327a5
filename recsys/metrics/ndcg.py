"""Normalized discounted cumulative gain with binary relevance; the ideal list has min(k, n_targets) hits.

Source: Järvelin, Kekäläinen, "Cumulated gain-based evaluation of IR techniques", TOIS 2002.
"""

import numpy as np

from recsys.arrays import Bools, Doubles, Longs
from recsys.metrics.base import Metric


def values(hits: Bools, n_targets: Longs, k: int) -> Doubles:
    """Return float64[n], as `Metric.values`."""
    top = hits[:, :k]
    discount = 1 / np.log2(np.arange(k) + 2)
    ideal = np.cumsum(discount)[np.minimum(np.maximum(n_targets, 1), k) - 1]
    gain: Doubles = (top * discount[: top.shape[1]]).sum(axis=1) / ideal
    return gain


METRIC = Metric("ndcg", "NDCG", values)

"""The number of clusters that the data support, by the silhouette of a sample. Pure."""

from typing import Final

import numpy as np

from profiles.segments.online.clustering import one_thread
from profiles.segments.online.features import Rows

FEWEST: Final = 2
MOST: Final = 10
SAMPLE: Final = 2_000
"""Rows that the silhouette compares: its cost grows with their square."""
MARGIN: Final = 0.05
"""Another number must be better by so much than the current one: the segments of a shop do not change for a trifle."""


def silhouettes(standard: Rows, *, seed: int) -> dict[int, float]:
    """Return the silhouette, -1 to 1, of each number of clusters that is possible with the standardized rows."""
    from sklearn.cluster import KMeans
    from sklearn.metrics import silhouette_score

    random = np.random.default_rng(seed)
    sample = standard[random.permutation(len(standard))[:SAMPLE]]
    distinct = len(np.unique(sample, axis=0))
    scores = {}
    for count in range(FEWEST, min(MOST, distinct - 1) + 1):
        with one_thread():
            labels = KMeans(count, n_init=4, random_state=seed).fit_predict(sample)
            scores[count] = float(silhouette_score(sample, labels))
    return scores


def best_number(scores: dict[int, float], *, current: int | None = None) -> int:
    """Return the number with the best silhouette; the current one unless another is better by `MARGIN`."""
    if not scores:
        return 1
    best = max(scores, key=lambda count: (scores[count], -count))
    if current in scores and scores[best] < scores[current] + MARGIN:
        return current
    return best

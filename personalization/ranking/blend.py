"""Reciprocal rank fusion: the rung between a single source and the learned ranker."""

from collections.abc import Mapping

import numpy as np

from personalization.ranking.candidates import Candidates
from personalization.recommenders.base import Floats

DAMPING = 60.0
"""The constant of Cormack et al. 2009."""


def blend_scores(candidates: Candidates, weights: Mapping[str, float]) -> Floats:
    """Return float32[n_pairs]: the weighed sum of 1 / (60 + rank) over the sources that list the item."""
    total = np.zeros(len(candidates.rows), np.float64)
    for column, name in enumerate(candidates.sources):
        if weights.get(name, 0.0) > 0:
            total += weights[name] * np.nan_to_num(1 / (DAMPING + 1 + candidates.ranks[:, column]))
    return total.astype(np.float32)


def followed(candidates: Candidates) -> Floats:
    """Return float32[n_pairs]: the first source's list in its order, then what only the next ones list."""
    place = np.full(len(candidates.rows), np.inf)
    behind = 0.0
    for column in range(len(candidates.sources)):
        place = np.where(np.isinf(place), np.nan_to_num(candidates.ranks[:, column], nan=np.inf) + behind, place)
        behind += 1e4
    return (1 / (1 + place)).astype(np.float32)

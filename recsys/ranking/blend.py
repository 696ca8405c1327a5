"""Reciprocal rank fusion: the stage between a single source and the learned ranker."""

from collections.abc import Mapping, Sequence

import numpy as np

from recsys.arrays import Floats
from recsys.ranking.candidates import Candidates

DAMPING = 60.0
"""The constant of Cormack et al. 2009."""
FILLING = "popular"
"""The source that fills a slate where the best one has too little to say."""


def blend_scores(candidates: Candidates, weights: Mapping[str, float]) -> Floats:
    """Return float32[n_pairs]: the weighed sum of 1 / (60 + rank) over the sources that list the item."""
    total = np.zeros(len(candidates.rows), np.float64)
    for column, name in enumerate(candidates.sources):
        if weights.get(name, 0.0) > 0:
            total += weights[name] * np.nan_to_num(1 / (DAMPING + 1 + candidates.ranks[:, column]))
    return total.astype(np.float32)


def followed(candidates: Candidates, names: Sequence[str]) -> Floats:
    """Return float32[n_pairs]: the first named source's list in its order, then what only the next ones list.

    0 for what none of them lists. KeyError for a source that was not asked.
    """
    place = np.full(len(candidates.rows), np.inf)
    column = dict(zip(candidates.sources, candidates.ranks.T, strict=True))
    behind = 0.0
    for name in names:
        place = np.where(np.isinf(place), np.nan_to_num(column[name], nan=np.inf) + behind, place)
        behind += 1e4
    return (1 / (1 + place)).astype(np.float32)


def alone(name: str) -> tuple[str, ...]:
    """Return the sources of the stage of one source: that one, and what fills its slates."""
    return tuple(dict.fromkeys((name, FILLING)))


def listed(candidates: Candidates, scores: Floats) -> tuple[Candidates, Floats]:
    """Return the pairs with a score above 0, and their scores.

    A blend, or a source with what follows it, is asked for its own lists when it answers; candidates gathered for a
    ranker hold more.
    """
    kept = scores > 0
    return candidates.part(kept), scores[kept]

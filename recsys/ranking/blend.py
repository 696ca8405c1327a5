"""Reciprocal rank fusion: the stage between a single source and the learned ranker."""

from collections.abc import Mapping, Sequence

import numpy as np

from recsys.arrays import Floats
from recsys.ranking.candidates import Candidates

RRF_K = 20.0
"""The constant k of reciprocal rank fusion (Cormack et al. 2009, who take 60): of slates of ten the head counts.

NDCG@10 with 20 instead of 60: Beauty .0346 and .0319, baskets of Online Retail .363 and .347; with 5: .0323 and .360.
"""
FALLBACK_SOURCE = "popular"
"""The source that fills a slate where the best one lists too few items."""


def blend_scores(candidates: Candidates, weights: Mapping[str, float]) -> Floats:
    """Return float32[n_pairs]: the weighted sum of 1 / (20 + rank from 1) over the sources that list the item."""
    total = np.zeros(len(candidates.rows), np.float64)
    for ranks_of, name in enumerate(candidates.sources):
        if weights.get(name, 0.0) > 0:
            total += weights[name] * np.nan_to_num(1 / (RRF_K + 1 + candidates.ranks[:, ranks_of]))
    return total.astype(np.float32)


def chained_scores(candidates: Candidates, names: Sequence[str]) -> Floats:
    """Return float32[n_pairs]: scores that put the first named source's list first, then the rest of the next ones.

    0 where none of them lists the item. Raises KeyError for a source without candidates.
    """
    rank = np.full(len(candidates.rows), np.inf)
    ranks_of = dict(zip(candidates.sources, candidates.ranks.T, strict=True))
    offset = 0.0
    for name in names:
        rank = np.where(np.isinf(rank), np.nan_to_num(ranks_of[name], nan=np.inf) + offset, rank)
        offset += 1e4
    return (1 / (1 + rank)).astype(np.float32)


def single_stage_sources(name: str) -> tuple[str, ...]:
    """Return the sources of the stage "single": the named one, and the one that fills its slates."""
    return tuple(dict.fromkeys((name, FALLBACK_SOURCE)))


def with_positive_score(candidates: Candidates, scores: Floats) -> tuple[Candidates, Floats]:
    """Return the pairs with a score above 0, and their scores.

    The stages blend and single answer with the lists of their own sources; the ranker's candidates hold more.
    """
    mask = scores > 0
    return candidates.part(mask), scores[mask]

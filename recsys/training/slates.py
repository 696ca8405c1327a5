"""Candidates and their scores as slates: each shopper's best, one row each."""

from collections.abc import Mapping

import numpy as np

from recsys.arrays import Floats, Ints
from recsys.metrics.registry import MAX_CUTOFF
from recsys.ranking.blend import (
    blend_scores,
    chained_scores,
    single_stage_sources,
    with_positive_score,
)
from recsys.ranking.candidates import Candidates
from recsys.ranking.groups import rank_in_row


def slates(candidates: Candidates, scores: Floats, *, k: int = MAX_CUTOFF) -> Ints:
    """Return int32[n_rows, k]: each shopper's best by score, ties to the lower code, -1 behind the end."""
    place = rank_in_row(scores, candidates.rows)
    kept = place < k
    result = np.full((candidates.n_rows, k), -1, np.int32)
    result[candidates.rows[kept], place[kept]] = candidates.items[kept]
    return result


def slate_scores(candidates: Candidates, scores: Floats) -> Floats:
    """Return float32[n_rows, 20]: the scores that belong to `slates`, NaN behind the end."""
    place = rank_in_row(scores, candidates.rows)
    kept = place < MAX_CUTOFF
    result = np.full((candidates.n_rows, MAX_CUTOFF), np.nan, np.float32)
    result[candidates.rows[kept], place[kept]] = scores[kept]
    return result


def source_slates(candidates: Candidates, name: str) -> Ints:
    """Return the head of a source's own lists."""
    ranks = candidates.ranks[:, candidates.sources.index(name)]
    own = ~np.isnan(ranks) & (ranks < MAX_CUTOFF)
    result = np.full((candidates.n_rows, MAX_CUTOFF), -1, np.int32)
    result[candidates.rows[own], ranks[own].astype(np.int64)] = candidates.items[own]
    return result


def single_slates(candidates: Candidates, name: str) -> Ints:
    """Return what is served where one source is the stage: its list, filled up by popularity."""
    return slates(*with_positive_score(candidates, chained_scores(candidates, single_stage_sources(name))))


def blend_slates(candidates: Candidates, weights: Mapping[str, float]) -> Ints:
    """Return what is served where the blend is the stage: of what its sources list."""
    return slates(*with_positive_score(candidates, blend_scores(candidates, weights)))

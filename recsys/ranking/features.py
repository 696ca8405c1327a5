"""The ranker's features: one function for training and requests, so that both see the same numbers."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from recsys.arrays import (
    Bools,
    Doubles,
    Floats,
    Longs,
)
from recsys.data.interactions import DAY
from recsys.data.profile import Context, Profile
from recsys.ranking.affinity import AFFINITY_FEATURES, affinity_features
from recsys.ranking.candidates import Candidates
from recsys.ranking.history import (
    OWN_FEATURES,
    SHOPPER_FEATURES,
    own_features,
    shopper_features,
)
from recsys.ranking.item_statistics import COLUMNS, ItemStatistics
from recsys.ranking.predicted_ratings import PREDICTED_STARS
from recsys.ranking.profile_columns import ProfileColumns
from recsys.ranking.taste import TASTE_FEATURES, taste_features
from recsys.ranking.visit import VISIT_FEATURES, following, visit_features

AGE_FEATURES = ("age", "item_idle")
CONTEXT_FEATURES = ("context_category", "context_brand")
MAX_CHUNK_ROWS = 1_000_000
"""Events and candidates of one chunk: with all intermediate arrays some hundred megabytes."""
SOURCE_COUNT = "agreeing"
"""The feature that counts the sources proposing the item to the shopper."""


def feature_names(sources: Sequence[str]) -> tuple[str, ...]:
    """Return the names of the columns of `features`, in order."""
    scores = tuple(f"{name}_score" for name in sources)
    ranks = tuple(f"{name}_rank" for name in sources)
    shares = tuple(f"{name}_of_top" for name in sources)
    return (
        *scores,
        *ranks,
        *shares,
        *(f"{name}_after" for name in following(sources)),
        SOURCE_COUNT,
        *OWN_FEATURES,
        *SHOPPER_FEATURES,
        *AFFINITY_FEATURES,
        *TASTE_FEATURES,
        *COLUMNS,
        *AGE_FEATURES,
        *CONTEXT_FEATURES,
        *VISIT_FEATURES,
        PREDICTED_STARS,
    )


def features(
    candidates: Candidates,
    profiles: Sequence[Profile],
    contexts: Sequence[Context],
    statistics: ItemStatistics,
    *,
    subset: Bools | None = None,
) -> Floats:
    """Return float32[n_pairs, n_features]; NaN is unknown. Nothing later than a profile's `now` is used.

    With `subset`, bool[n_pairs], only rows of these pairs are returned; their values are those among all pairs.

    Shoppers are processed in chunks of `MAX_CHUNK_ROWS` events and candidates, so that memory is bounded: training asks
    thousands of questions, each with a long history and hundreds of candidates.
    """
    shares = _share_of_top_score(candidates)
    if subset is not None:
        candidates, shares = candidates.part(subset), shares[subset]
    events = np.fromiter((len(profile.items) for profile in profiles), np.int64, len(profiles))
    ends = np.cumsum(events + np.bincount(candidates.rows, minlength=len(profiles)))
    chunk_starts = np.flatnonzero(np.diff(ends // MAX_CHUNK_ROWS, prepend=0))
    if not len(chunk_starts):
        return _features(candidates, shares, profiles, contexts, statistics)
    starts = np.unique([0, *chunk_starts.tolist(), len(profiles)]).tolist()
    pairs = np.searchsorted(candidates.rows, starts)
    matrix = np.empty((len(candidates.rows), len(feature_names(candidates.sources))), np.float32)
    for at, (start, end) in enumerate(pairwise(starts)):
        own = slice(pairs[at], pairs[at + 1])
        part = candidates.row_range(own, start, end)
        matrix[own] = _features(part, shares[own], profiles[start:end], contexts[start:end], statistics)
    return matrix


def _features(
    candidates: Candidates,
    shares: Floats,
    profiles: Sequence[Profile],
    contexts: Sequence[Context],
    statistics: ItemStatistics,
) -> Floats:
    histories = ProfileColumns.of(profiles)
    rows, items = candidates.rows, candidates.items
    columns = [
        *own_features(histories, rows, items, statistics),
        *shopper_features(histories, rows, statistics),
        *affinity_features(histories, rows, items, statistics),
        *taste_features(histories, rows, items, statistics),
    ]
    item_columns = [
        *_age_features(histories, rows, items, statistics),
        *_context_features(contexts, rows, items, statistics),
        *visit_features(histories, contexts, rows, items, statistics),
    ]
    n_sources, width = len(candidates.sources), len(feature_names(candidates.sources))
    matrix = np.empty((len(rows), width), np.float32)
    matrix[:, :n_sources] = candidates.scores
    matrix[:, n_sources : 2 * n_sources] = candidates.ranks
    matrix[:, 2 * n_sources : 3 * n_sources] = shares
    at = 3 * n_sources + len(following(candidates.sources))
    matrix[:, 3 * n_sources : at] = np.nan if candidates.after is None else candidates.after
    matrix[:, at] = (~np.isnan(candidates.ranks)).sum(axis=1)
    for column in columns:
        at += 1
        matrix[:, at] = column
    at += 1
    matrix[:, at : at + len(COLUMNS)] = statistics.table[items]
    at += len(COLUMNS)
    for column in item_columns:
        matrix[:, at] = column
        at += 1
    matrix[:, at] = statistics.stars.predict(histories, rows, items) if statistics.stars else np.nan
    return matrix


def _share_of_top_score(candidates: Candidates) -> Floats:
    """Return float32[n_pairs, n_sources]: scores over the source's best score for the shopper, as scales differ.

    NaN where a source has no score above 0 for the shopper. Only items of rank 0 set the scale.
    """
    scores, rows = candidates.scores, candidates.rows
    if not len(rows):
        return scores
    starts = np.flatnonzero(np.diff(rows, prepend=-1))
    best = np.maximum.reduceat(np.where(candidates.ranks == 0, scores, 0), starts, axis=0)
    best[~(best > 0)] = np.nan
    shares: Floats = scores / np.repeat(best, np.diff(starts, append=len(rows)), axis=0)
    return shares


def _age_features(histories: ProfileColumns, rows: Longs, items: Longs, statistics: ItemStatistics) -> list[Doubles]:
    now = histories.now[rows]
    return [(now - statistics.born[items]) / DAY, (now - statistics.last[items]) / DAY]


def _context_features(
    contexts: Sequence[Context], rows: Longs, items: Longs, statistics: ItemStatistics
) -> list[Doubles]:
    """Return whether the item shares the category, and the brand, of a context item; NaN without context items."""
    sizes = np.fromiter((len(context.items) for context in contexts), np.int64, len(contexts))
    if not sizes.any():
        return [np.full(len(rows), np.nan)] * 2
    context_items = np.concatenate([np.asarray(context.items, np.int64) for context in contexts])
    owner = np.repeat(np.arange(len(contexts)), sizes)
    columns: list[Doubles] = []
    for codes in (statistics.category, statistics.brand):
        n = int(codes.max(initial=-1)) + 2
        owned_codes = np.unique(owner * n + codes[context_items] + 1)
        is_shared = np.isin(rows * n + codes[items] + 1, owned_codes).astype(np.float64)
        is_shared[(sizes[rows] == 0) | (codes[items] < 0)] = np.nan
        columns.append(is_shared)
    return columns

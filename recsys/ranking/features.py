"""The ranker's features: one function for training and for requests, so that there is one truth about each of them."""

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
from recsys.ranking.affinity import AFFINITY, affinity_features
from recsys.ranking.candidates import Candidates
from recsys.ranking.history import (
    OWN,
    SHOPPER,
    own_features,
    shopper_features,
)
from recsys.ranking.item_statistics import COLUMNS, ItemStatistics
from recsys.ranking.predicted_ratings import PREDICTED
from recsys.ranking.shoppers import Shoppers
from recsys.ranking.taste import TASTE, taste_features

LIFE = ("age", "item_idle")
CONTEXT = ("context_category", "context_brand")
AT_ONCE = 1_000_000
"""Events of histories and candidates that are looked at together: with what is counted, some hundred megabytes."""
AGREEING = "agreeing"
"""How many sources propose the item to the shopper."""


def feature_names(sources: Sequence[str]) -> tuple[str, ...]:
    """Return the names of the columns of `features`, in order."""
    scores = tuple(f"{name}_score" for name in sources)
    ranks = tuple(f"{name}_rank" for name in sources)
    shares = tuple(f"{name}_of_top" for name in sources)
    return (
        *scores,
        *ranks,
        *shares,
        AGREEING,
        *OWN,
        *SHOPPER,
        *AFFINITY,
        *TASTE,
        *COLUMNS,
        *LIFE,
        *CONTEXT,
        PREDICTED,
    )


def features(
    candidates: Candidates,
    profiles: Sequence[Profile],
    contexts: Sequence[Context],
    statistics: ItemStatistics,
    *,
    kept: Bools | None = None,
) -> Floats:
    """Return float32[n_pairs, n_features]; NaN is unknown. Nothing later than a profile's `now` is looked at.

    With `kept`, bool[n_pairs], of these pairs alone, as they are among all.

    Shoppers are taken in runs of `AT_ONCE` events and candidates: asked thousands of times, each with all that was
    before, one of thousands of events would fill the memory, and so would hundreds of candidates for each of thousands.
    """
    shares = _of_top(candidates)
    if kept is not None:
        candidates, shares = candidates.part(kept), shares[kept]
    events = np.fromiter((len(profile.items) for profile in profiles), np.int64, len(profiles))
    ends = np.cumsum(events + np.bincount(candidates.rows, minlength=len(profiles)))
    runs = np.flatnonzero(np.diff(ends // AT_ONCE, prepend=0))
    if not len(runs):
        return _features(candidates, shares, profiles, contexts, statistics)
    starts = np.unique([0, *runs.tolist(), len(profiles)]).tolist()
    pairs = np.searchsorted(candidates.rows, starts)
    found = np.empty((len(candidates.rows), len(feature_names(candidates.sources))), np.float32)
    for at, (start, end) in enumerate(pairwise(starts)):
        own = slice(pairs[at], pairs[at + 1])
        part = candidates.stretch(own, start, end)
        found[own] = _features(part, shares[own], profiles[start:end], contexts[start:end], statistics)
    return found


def _features(
    candidates: Candidates,
    shares: Floats,
    profiles: Sequence[Profile],
    contexts: Sequence[Context],
    statistics: ItemStatistics,
) -> Floats:
    shoppers = Shoppers.of(profiles)
    rows, items = candidates.rows, candidates.items
    columns = [
        *own_features(shoppers, rows, items, statistics),
        *shopper_features(shoppers, rows, statistics),
        *affinity_features(shoppers, rows, items, statistics),
        *taste_features(shoppers, rows, items, statistics),
    ]
    later = [*_life(shoppers, rows, items, statistics), *_context(contexts, rows, items, statistics)]
    n_sources, width = len(candidates.sources), len(feature_names(candidates.sources))
    matrix = np.empty((len(rows), width), np.float32)
    matrix[:, :n_sources] = candidates.scores
    matrix[:, n_sources : 2 * n_sources] = candidates.ranks
    matrix[:, 2 * n_sources : 3 * n_sources] = shares
    at = 3 * n_sources
    matrix[:, at] = (~np.isnan(candidates.ranks)).sum(axis=1)
    for column in columns:
        at += 1
        matrix[:, at] = column
    at += 1
    matrix[:, at : at + len(COLUMNS)] = statistics.table[items]
    at += len(COLUMNS)
    for column in later:
        matrix[:, at] = column
        at += 1
    matrix[:, at] = statistics.stars.predicted(shoppers, rows, items) if statistics.stars else np.nan
    return matrix


def _of_top(candidates: Candidates) -> Floats:
    """Return each source's scores over the first of its list for the shopper: scales differ from shopper to shopper.

    NaN where a source has nothing to say to the shopper. What was given beside the lists sets no scale.
    """
    scores, rows = candidates.scores, candidates.rows
    if not len(rows):
        return scores
    starts = np.flatnonzero(np.diff(rows, prepend=-1))
    best = np.maximum.reduceat(np.where(candidates.ranks == 0, scores, 0), starts, axis=0)
    best[~(best > 0)] = np.nan
    found: Floats = scores / np.repeat(best, np.diff(starts, append=len(rows)), axis=0)
    return found


def _life(shoppers: Shoppers, rows: Longs, items: Longs, statistics: ItemStatistics) -> list[Doubles]:
    now = shoppers.now[rows]
    return [(now - statistics.born[items]) / DAY, (now - statistics.last[items]) / DAY]


def _context(contexts: Sequence[Context], rows: Longs, items: Longs, statistics: ItemStatistics) -> list[Doubles]:
    """Return whether the item shares category and brand with the context's items; NaN without context items."""
    sizes = np.fromiter((len(context.items) for context in contexts), np.int64, len(contexts))
    if not sizes.any():
        return [np.full(len(rows), np.nan)] * 2
    asked = np.concatenate([np.asarray(context.items, np.int64) for context in contexts])
    owner = np.repeat(np.arange(len(contexts)), sizes)
    columns: list[Doubles] = []
    for codes in (statistics.category, statistics.brand):
        n = int(codes.max(initial=-1)) + 2
        held = np.unique(owner * n + codes[asked] + 1)
        shared = np.isin(rows * n + codes[items] + 1, held).astype(np.float64)
        shared[(sizes[rows] == 0) | (codes[items] < 0)] = np.nan
        columns.append(shared)
    return columns

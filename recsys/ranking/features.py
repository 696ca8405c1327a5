"""The ranker's features: one function for training and requests, so that both see the same numbers."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from recsys.arrays import Bools, Floats, Longs
from recsys.compiled import compiled
from recsys.data.interactions import DAY
from recsys.data.profile import Context, Profile
from recsys.ranking.affinity import AFFINITY_FEATURES, enter_affinity_features
from recsys.ranking.candidates import Candidates
from recsys.ranking.history import (
    OWN_FEATURES,
    SHOPPER_FEATURES,
    enter_own_features,
    enter_shopper_features,
)
from recsys.ranking.item_columns import CATEGORICALS, ItemColumns
from recsys.ranking.item_statistics import COLUMNS, ItemStatistics
from recsys.ranking.predicted_ratings import PREDICTED_STARS
from recsys.ranking.profile_columns import Events, Pairs, ProfileColumns
from recsys.ranking.taste import TASTE_FEATURES, enter_taste_features
from recsys.ranking.visit import VISIT_FEATURES, enter_visit_features, following

AGE_FEATURES = ("age", "item_idle")
CONTEXT_FEATURES = ("context_category", "context_brand")
N_OWN_FEATURES, N_SHOPPER_FEATURES = len(OWN_FEATURES), len(SHOPPER_FEATURES)
N_AFFINITY_FEATURES, N_TASTE_FEATURES, N_COLUMNS = len(AFFINITY_FEATURES), len(TASTE_FEATURES), len(COLUMNS)
CATEGORY, BRAND = CATEGORICALS.index("category"), CATEGORICALS.index("brand")
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
    """
    shares = _share_of_top_score(candidates)
    if subset is not None:
        candidates, shares = candidates.part(subset), shares[subset]
    histories, n_sources = ProfileColumns.of(profiles), len(candidates.sources)
    matrix = np.empty((len(candidates.rows), len(feature_names(candidates.sources))), np.float32)
    matrix[:, :n_sources] = candidates.scores
    matrix[:, n_sources : 2 * n_sources] = candidates.ranks
    matrix[:, 2 * n_sources : 3 * n_sources] = shares
    column = 3 * n_sources + len(following(candidates.sources))
    matrix[:, 3 * n_sources : column] = np.nan if candidates.after is None else candidates.after
    matrix[:, column] = (~np.isnan(candidates.ranks)).sum(axis=1)
    pairs = Pairs(np.searchsorted(candidates.rows, np.arange(len(profiles) + 1)), candidates.items)
    _enter_features(histories.events, _context_columns(contexts), pairs, statistics.columns, matrix, column + 1)
    stars = statistics.stars
    matrix[:, -1] = stars.predict(histories, candidates.rows, candidates.items) if stars else np.nan
    return matrix


class ContextColumns(NamedTuple):
    """Contexts for compiled code: the items of row i are from `starts[i]` to `starts[i + 1]`; `pages`: whose page."""

    starts: Longs
    items: Longs
    pages: Bools


def _context_columns(contexts: Sequence[Context]) -> ContextColumns:
    starts = np.cumsum([0, *(len(context.items) for context in contexts)])
    items = np.fromiter((item for context in contexts for item in context.items), np.int64, int(starts[-1]))
    pages = np.fromiter((context.page is not None for context in contexts), np.bool_, len(contexts))
    return ContextColumns(starts, items, pages)


@compiled
def _enter_features(
    events: Events, contexts: ContextColumns, pairs: Pairs, columns: ItemColumns, matrix: Floats, column: int
) -> None:
    """Write all but the sources' features and the predicted stars, from `column` on."""
    enter_own_features(events, pairs, columns, matrix, column)
    column += N_OWN_FEATURES
    enter_shopper_features(events, pairs, matrix, column)
    column += N_SHOPPER_FEATURES
    enter_affinity_features(events, pairs, columns, matrix, column)
    column += N_AFFINITY_FEATURES
    enter_taste_features(events, pairs, columns, matrix, column)
    column += N_TASTE_FEATURES
    for shopper in range(len(events.now)):
        for pair in range(pairs.starts[shopper], pairs.starts[shopper + 1]):
            item = pairs.items[pair]
            matrix[pair, column : column + N_COLUMNS] = columns.table[item]
            matrix[pair, column + N_COLUMNS] = (events.now[shopper] - columns.born[item]) / DAY
            matrix[pair, column + N_COLUMNS + 1] = (events.now[shopper] - columns.last[item]) / DAY
            context_items = contexts.items[contexts.starts[shopper] : contexts.starts[shopper + 1]]
            for at, categorical in enumerate((CATEGORY, BRAND)):
                codes = columns.codes[categorical]
                shares = np.nan
                if len(context_items) and codes[item] >= 0:
                    shares = 0.0
                    for other in context_items:
                        shares = 1.0 if codes[other] == codes[item] else shares
                matrix[pair, column + N_COLUMNS + 2 + at] = shares
    enter_visit_features(events, contexts.pages, pairs, columns, matrix, column + N_COLUMNS + 4)


def _share_of_top_score(candidates: Candidates) -> Floats:
    """Return float32[n_pairs, n_sources]: scores over the source's best score for the shopper, as scales differ.

    NaN where a source has no score above 0 for the shopper. Only items of rank 0 set the scale.
    """
    return _shares(candidates.scores, candidates.ranks, candidates.rows)


@compiled
def _shares(scores: Floats, ranks: Floats, rows: Longs) -> Floats:
    n, n_sources = scores.shape
    shares, best, start = np.empty((n, n_sources), np.float32), np.empty(n_sources, np.float32), 0
    while start < n:
        end = start
        best[:] = 0.0
        while end < n and rows[end] == rows[start]:
            for source in range(n_sources):
                if ranks[end, source] == 0:
                    best[source] = max(best[source], scores[end, source])
            end += 1
        for pair in range(start, end):
            for source in range(n_sources):
                shares[pair, source] = scores[pair, source] / best[source] if best[source] > 0 else np.nan
        start = end
    return shares

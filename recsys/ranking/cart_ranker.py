"""The ranker of carts: what completes a basket, by its lines and by the shopper's history.

Recommenders answer with context items by these alone. Here some are asked for the cart's lines and others for the
history, and a ranker that learned on carts orders the union. Pure.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from recsys.arrays import Bools, Doubles, Floats, Longs
from recsys.data.profile import Context, Profile
from recsys.ranking.candidates import Candidates, gather
from recsys.ranking.features import feature_names, features
from recsys.ranking.groups import GroupBy, lookup_table
from recsys.ranking.item_statistics import COLUMNS, ItemStatistics
from recsys.ranking.profile_columns import ProfileColumns
from recsys.sources.scoring import Scoring

BASKET = "basket"
"""The strategy that asks the ranker of carts."""
WITHOUT_RANKER = "complements"
"""The recommender that answers where no ranker of carts was released."""
CART_QUOTAS: Mapping[str, int] = {
    "bought_together": 60,
    "complements": 40,
    "content": 40,
    "covisitation": 60,
    "item_knn": 40,
    "session_knn": 60,
}
"""How many candidates each recommender proposes for the lines of the cart."""
HISTORY_QUOTAS: Mapping[str, int] = {"personal_top": 60, "rp3beta": 60, "user_knn": 100}
"""How many candidates each recommender proposes for the shopper's history."""
EVIDENCE = ("bought_together", "complements", "personal_top")
"""Recommenders of which one at least must propose a candidate: orders hold both, or the shopper has it again.

The others only add scores. What is merely looked at together with a line replaces it more often than it completes it.
"""
QUOTAS: Mapping[str, int] = dict(sorted({**CART_QUOTAS, **HISTORY_QUOTAS}.items()))
CART_FEATURES = ("basket_votes", "lines", "line_category_share", "line_price_gap")
CART_FEATURE_NAMES: tuple[str, ...] = (*feature_names(tuple(QUOTAS)), *CART_FEATURES)
PRICE = COLUMNS.index("price")


def cart_candidates(
    sources: Mapping[str, Scoring], profiles: Sequence[Profile], contexts: Sequence[Context], *, n_items: int
) -> Candidates:
    """Return the candidates of all questions: those of the best of each source for which there is evidence."""
    own_sources = {name: sources[name] for name in QUOTAS}
    candidates = gather(own_sources, profiles, contexts, quotas=QUOTAS, n_items=n_items, of_history=HISTORY_QUOTAS)
    columns = [candidates.sources.index(name) for name in EVIDENCE]
    has_evidence: Bools = np.asarray(~np.isnan(candidates.ranks[:, columns]).all(axis=1))
    return candidates.part(has_evidence)


def cart_features(
    candidates: Candidates, profiles: Sequence[Profile], contexts: Sequence[Context], statistics: ItemStatistics
) -> Floats:
    """Return float32[n_pairs, len(CART_FEATURE_NAMES)]; NaN is unknown.

    `basket_votes` sums, over the shopper's earlier baskets with the item, lines shared with the cart ÷ √size.
    `lines` is their number. `line_category_share` is the share of lines in the item's category. `line_price_gap` is the
    logarithm of the item's price over that of the line nearest in price.
    """
    base = features(candidates, profiles, contexts, statistics)
    sizes = np.fromiter((len(context.items) for context in contexts), np.int64, len(contexts))
    line_rows = np.repeat(np.arange(len(contexts)), sizes)
    lines = np.concatenate([np.empty(0, np.int64), *(np.asarray(one.items, np.int64) for one in contexts)])
    columns = [
        _basket_votes(candidates, ProfileColumns.of(profiles), line_rows, lines, n_items=statistics.n_items),
        sizes[candidates.rows].astype(np.float64),
        _category_share(candidates, line_rows, lines, sizes, statistics),
        _price_gap(candidates, contexts, statistics),
    ]
    return np.column_stack([base, *columns]).astype(np.float32)


def _basket_votes(
    candidates: Candidates, histories: ProfileColumns, line_rows: Longs, lines: Longs, *, n_items: int
) -> Doubles:
    """Return float64[n_pairs]. A basket is what a history holds at one moment."""
    keys = histories.rows * n_items + histories.items
    moments = GroupBy.of(histories.rows * 4_000_000 + histories.steps.astype(np.int64))
    shared = moments.sum(np.isin(keys, line_rows * n_items + lines).astype(np.float64))
    votes = (shared / np.sqrt(np.maximum(moments.sum(), 1)))[moments.inverse]
    pairs = GroupBy.of(keys)
    return lookup_table(pairs.sum(votes))[pairs.at(candidates.rows * n_items + candidates.items)]


def _category_share(
    candidates: Candidates, line_rows: Longs, lines: Longs, sizes: Longs, statistics: ItemStatistics
) -> Doubles:
    """Return float64[n_pairs]; NaN for items without a category."""
    n = int(statistics.category.max(initial=-1)) + 2
    groups = GroupBy.of(line_rows * n + statistics.category[lines] + 1)
    own = statistics.category[candidates.items] + 1
    share = lookup_table(groups.sum())[groups.at(candidates.rows * n + own)] / np.maximum(sizes[candidates.rows], 1)
    share[own == 0] = np.nan
    return share


def _price_gap(candidates: Candidates, contexts: Sequence[Context], statistics: ItemStatistics) -> Doubles:
    """Return float64[n_pairs]; NaN without a price on either side."""
    prices = statistics.table[:, PRICE].astype(np.float64)
    gaps = np.full(len(candidates.rows), np.nan)
    ends = np.searchsorted(candidates.rows, np.arange(candidates.n_rows + 1))
    for row, context in enumerate(contexts):
        of_lines = prices[list(context.items)]
        of_lines = np.sort(of_lines[~np.isnan(of_lines)])
        if len(of_lines):
            own = slice(ends[row], ends[row + 1])
            gaps[own] = nearest_gap(prices[candidates.items[own]], of_lines)
    return gaps


def nearest_gap(values: Doubles, references: Doubles) -> Doubles:
    """Return float64[n]: each value minus the nearest of the ascending references, of which there is one at least."""
    places = np.searchsorted(references, values)
    above = values - references[np.minimum(places, len(references) - 1)]
    below = values - references[np.maximum(places - 1, 0)]
    return np.where(np.abs(above) < np.abs(below), above, below)

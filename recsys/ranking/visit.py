"""Features of the visit that the newest event belongs to, and of a candidate's relation to the newest product."""

from collections.abc import Sequence

import numpy as np

from recsys.arrays import Doubles, Floats, Longs
from recsys.data.profile import Context, Profile
from recsys.data.sessions import session_starts
from recsys.ranking.groups import GroupBy, lookup_table
from recsys.ranking.item_statistics import COLUMNS, ItemStatistics
from recsys.ranking.profile_columns import ProfileColumns
from recsys.sources.item_item import ItemItem
from recsys.sources.registry import RECOMMENDERS
from recsys.sources.scoring import Scoring

VISIT_FEATURES = ("visit_events", "visit_items", "visit_minutes", "own_in_visit", "newest_price_gap", "page")
PRICE = COLUMNS.index("price")


def following(sources: Sequence[str]) -> tuple[str, ...]:
    """Return the sources that know what follows a single product: those with a table of items."""
    return tuple(name for name in sources if issubclass(RECOMMENDERS.get(name, Scoring), ItemItem))


def newest_items(profiles: Sequence[Profile]) -> Longs:
    """Return int64[n]: the item of each profile's newest event, the product of the page where one asks; else -1."""
    return np.fromiter((own.items[-1] if len(own.items) else -1 for own in profiles), np.int64, len(profiles))


def shares_after(sources: Sequence[Scoring], newest: Longs, rows: Longs, items: Longs) -> Floats:
    """Return float32[n_pairs, n_sources]: how well each item follows its shopper's newest one alone, 1 for the best."""
    shares = np.empty((len(rows), len(sources)), np.float32)
    for column, source in enumerate(sources):
        if isinstance(source, ItemItem):
            shares[:, column] = source.shares_after(newest[rows], items)
    return shares


def visit_features(
    histories: ProfileColumns, contexts: Sequence[Context], rows: Longs, items: Longs, statistics: ItemStatistics
) -> list[Doubles]:
    """Return one float64[n] column per name in VISIT_FEATURES for the pairs (rows[i], items[i])."""
    n = histories.n_profiles
    visit = np.cumsum(session_starts(histories.rows, histories.times))
    last = np.flatnonzero(np.diff(histories.rows, append=-1) != 0)
    latest = np.full(n, -1, np.int64)
    latest[histories.rows[last]] = visit[last]
    inside = visit == latest[histories.rows]
    owner, own_items = histories.rows[inside], histories.items[inside]
    begun = np.full(n, np.nan)
    np.fmin.at(begun, owner, histories.times[inside])
    pairs = GroupBy.of(owner * statistics.n_items + own_items)
    newest = np.full(n, -1, np.int64)
    newest[histories.rows[last]] = histories.items[last]
    prices = lookup_table(statistics.table[:, PRICE].astype(np.float64), missing=np.nan)
    by_shopper = (
        np.bincount(owner, minlength=n).astype(np.float64),
        np.bincount(pairs.keys // max(1, statistics.n_items), minlength=n).astype(np.float64),
        (histories.now - begun) / 60,
    )
    return [
        *(column[rows] for column in by_shopper),
        lookup_table(pairs.sum())[pairs.at(rows * statistics.n_items + items)],
        prices[items] - prices[newest[rows]],
        np.array([context.page is not None for context in contexts], np.float64)[rows],
    ]

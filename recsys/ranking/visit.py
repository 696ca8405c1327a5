"""Features of the visit that the newest event belongs to, and of a candidate's relation to the newest product."""

from collections.abc import Sequence

import numpy as np

from recsys.arrays import Bools, Floats, Longs
from recsys.compiled import compiled
from recsys.data.profile import Profile
from recsys.data.sessions import SESSION_GAP
from recsys.ranking.item_columns import ItemColumns
from recsys.ranking.profile_columns import Events, Pairs
from recsys.sources.item_item import ItemItem
from recsys.sources.registry import RECOMMENDERS
from recsys.sources.scoring import Scoring

VISIT_FEATURES = ("visit_events", "visit_items", "visit_minutes", "own_in_visit", "newest_price_gap", "page")


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


@compiled
def enter_visit_features(
    events: Events, pages: Bools, pairs: Pairs, columns: ItemColumns, matrix: Floats, column: int
) -> None:
    """Write VISIT_FEATURES of each pair into the matrix, from `column` on; `pages`, bool[n], is whose page asks."""
    for shopper in range(len(events.now)):
        start, end = events.starts[shopper], events.starts[shopper + 1]
        begin = end - 1
        while begin > start and events.times[begin] - events.times[begin - 1] <= SESSION_GAP:
            begin -= 1
        begin = max(begin, start)
        items = np.sort(events.items[begin:end])
        distinct = float(len(np.unique(items)))
        has_events = end > start
        minutes = (events.now[shopper] - events.times[begin]) / 60 if has_events else np.nan
        newest_price = columns.prices[events.items[end - 1]] if has_events else np.nan
        for pair in range(pairs.starts[shopper], pairs.starts[shopper + 1]):
            item = pairs.items[pair]
            times = np.searchsorted(items, item, side="right") - np.searchsorted(items, item, side="left")
            matrix[pair, column] = end - begin
            matrix[pair, column + 1] = distinct
            matrix[pair, column + 2] = minutes
            matrix[pair, column + 3] = times
            matrix[pair, column + 4] = columns.prices[item] - newest_price
            matrix[pair, column + 5] = pages[shopper]

"""Features of a shopper's own history with an item (how often, how recent, how regular), and of the shopper."""

import numpy as np

from recsys.arrays import Doubles, Longs
from recsys.data.interactions import DAY
from recsys.data.signals import CART, PURCHASE
from recsys.ranking.groups import GroupBy, lookup_table, rank_in_row
from recsys.ranking.item_statistics import ItemStatistics
from recsys.ranking.profile_columns import ProfileColumns

OWN_HALF_LIVES = (2.0, 14.0, 60.0, 240.0)
STEP_DECAY = 0.8
OWN_FEATURES = (
    "own_times",
    *(f"own_{int(days)}d" for days in OWN_HALF_LIVES),
    "own_steps",
    "own_share",
    "own_visits",
    "own_visit_share",
    "own_bought",
    "own_in_cart",
    "own_idle",
    "own_idle_steps",
    "own_since_first",
    "own_gap",
    "own_due",
    "own_due_usual",
    "own_rank",
)
SHOPPER_FEATURES = ("events", "visits", "items", "idle", "since_first", "repeat_share", "visit_gap", "bought")


def own_features(histories: ProfileColumns, rows: Longs, items: Longs, statistics: ItemStatistics) -> list[Doubles]:
    """Return one float64[n] column per name in OWN_FEATURES for the pairs (rows[i], items[i])."""
    pairs = GroupBy.of(histories.rows * statistics.n_items + histories.items)
    position = pairs.at(rows * statistics.n_items + items)
    now = histories.now[histories.rows]
    age = (now - histories.times) / DAY
    decays = [pairs.sum(0.5 ** (age / days)) for days in OWN_HALF_LIVES]
    steps = pairs.sum(STEP_DECAY**histories.steps)
    times = pairs.sum()
    visits = GroupBy.of(pairs.inverse * 4_000_000 + histories.steps.astype(np.int64)).keys // 4_000_000
    n_visits = np.bincount(visits, minlength=len(pairs.keys)).astype(np.float64)
    last, first = pairs.max(histories.times, start=-np.inf), pairs.min(histories.times, start=np.inf)
    owner = pairs.keys // max(statistics.n_items, 1)
    idle = (histories.now[owner] - last) / DAY
    gap = np.where(n_visits > 1, (last - first) / DAY / np.maximum(n_visits - 1, 1), np.nan)
    usual = statistics.gap[pairs.keys % max(statistics.n_items, 1)] / DAY
    total = np.bincount(histories.rows, minlength=histories.n_profiles).astype(np.float64)
    moments = _n_moments(histories)
    zero_columns = [
        times,
        *decays,
        steps,
        times / np.maximum(total[owner], 1),
        n_visits,
        n_visits / np.maximum(moments[owner], 1),
        pairs.sum(histories.signals == PURCHASE),
        pairs.sum(histories.signals == CART),
    ]
    nan_columns = [
        idle,
        -pairs.max(-histories.steps.astype(np.float64), start=-np.inf),
        (histories.now[owner] - first) / DAY,
        gap,
        idle / np.maximum(gap, 0.01),
        idle / np.maximum(usual, 0.01),
        rank_in_row(decays[2], owner).astype(np.float64),
    ]
    return [lookup_table(column)[position] for column in zero_columns] + [
        lookup_table(column, missing=np.nan)[position] for column in nan_columns
    ]


def shopper_features(histories: ProfileColumns, rows: Longs, statistics: ItemStatistics) -> list[Doubles]:
    """Return one float64[n] column per name in SHOPPER_FEATURES, repeated for the shopper's pairs."""
    total = np.bincount(histories.rows, minlength=histories.n_profiles).astype(np.float64)
    last, first = np.full(histories.n_profiles, -np.inf), np.full(histories.n_profiles, np.inf)
    np.maximum.at(last, histories.rows, histories.times)
    np.minimum.at(first, histories.rows, histories.times)
    pairs = np.unique(histories.rows * statistics.n_items + histories.items) // max(statistics.n_items, 1)
    distinct = np.bincount(pairs, minlength=histories.n_profiles).astype(np.float64)
    moments = _n_moments(histories)
    with np.errstate(invalid="ignore"):
        idle, since_first = (histories.now - last) / DAY, (histories.now - first) / DAY
        visit_gap = (last - first) / DAY / np.maximum(moments - 1, 1)
    bought = np.bincount(histories.rows[histories.signals == PURCHASE], minlength=histories.n_profiles).astype(
        np.float64
    )
    repeat = 1 - distinct / np.maximum(total, 1)
    for unknown in (idle, since_first, repeat, visit_gap):
        unknown[total == 0] = np.nan
    return [column[rows] for column in (total, moments, distinct, idle, since_first, repeat, visit_gap, bought)]


def _n_moments(histories: ProfileColumns) -> Doubles:
    moments = np.zeros(histories.n_profiles, np.float64)
    np.maximum.at(moments, histories.rows, histories.steps.astype(np.float64) + 1)
    return moments

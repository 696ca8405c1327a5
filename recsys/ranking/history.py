"""Features of a shopper and an item they had before: how often, how lately, how regularly; and of the shopper alone."""

import numpy as np

from recsys.arrays import Doubles, Longs
from recsys.data.interactions import DAY
from recsys.data.signals import CART, PURCHASE
from recsys.ranking.groups import Grouped, places, table
from recsys.ranking.item_statistics import ItemStatistics
from recsys.ranking.shoppers import Shoppers

OWN_HALF_LIVES = (2.0, 14.0, 60.0, 240.0)
STEP_DECAY = 0.8
OWN = (
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
SHOPPER = ("events", "visits", "items", "idle", "since_first", "repeat_share", "visit_gap", "bought")


def own_features(shoppers: Shoppers, rows: Longs, items: Longs, statistics: ItemStatistics) -> list[Doubles]:
    """Return one column per name in OWN for the pairs (rows[i], items[i])."""
    pairs = Grouped.of(shoppers.rows * statistics.n_items + shoppers.items)
    place = pairs.at(rows * statistics.n_items + items)
    now = shoppers.now[shoppers.rows]
    age = (now - shoppers.times) / DAY
    decays = [pairs.sum(0.5 ** (age / days)) for days in OWN_HALF_LIVES]
    steps = pairs.sum(STEP_DECAY**shoppers.steps)
    times = pairs.sum()
    visits = Grouped.of(pairs.inverse * 4_000_000 + shoppers.steps.astype(np.int64)).keys // 4_000_000
    visited = np.bincount(visits, minlength=len(pairs.keys)).astype(np.float64)
    last, first = pairs.max(shoppers.times, start=-np.inf), pairs.min(shoppers.times, start=np.inf)
    owner = pairs.keys // max(statistics.n_items, 1)
    idle = (shoppers.now[owner] - last) / DAY
    gap = np.where(visited > 1, (last - first) / DAY / np.maximum(visited - 1, 1), np.nan)
    usual = statistics.gap[pairs.keys % max(statistics.n_items, 1)] / DAY
    total = np.bincount(shoppers.rows, minlength=shoppers.n).astype(np.float64)
    moments = _moments(shoppers)
    columns = [
        times,
        *decays,
        steps,
        times / np.maximum(total[owner], 1),
        visited,
        visited / np.maximum(moments[owner], 1),
        pairs.sum(shoppers.signals == PURCHASE),
        pairs.sum(shoppers.signals == CART),
    ]
    late = [
        idle,
        -pairs.max(-shoppers.steps.astype(np.float64), start=-np.inf),
        (shoppers.now[owner] - first) / DAY,
        gap,
        idle / np.maximum(gap, 0.01),
        idle / np.maximum(usual, 0.01),
        places(decays[2], owner).astype(np.float64),
    ]
    return [table(column)[place] for column in columns] + [table(column, missing=np.nan)[place] for column in late]


def shopper_features(shoppers: Shoppers, rows: Longs, statistics: ItemStatistics) -> list[Doubles]:
    """Return one column per name in SHOPPER, repeated for the pairs."""
    total = np.bincount(shoppers.rows, minlength=shoppers.n).astype(np.float64)
    last, first = np.full(shoppers.n, -np.inf), np.full(shoppers.n, np.inf)
    np.maximum.at(last, shoppers.rows, shoppers.times)
    np.minimum.at(first, shoppers.rows, shoppers.times)
    pairs = np.unique(shoppers.rows * statistics.n_items + shoppers.items) // max(statistics.n_items, 1)
    distinct = np.bincount(pairs, minlength=shoppers.n).astype(np.float64)
    moments = _moments(shoppers)
    with np.errstate(invalid="ignore"):
        idle, known = (shoppers.now - last) / DAY, (shoppers.now - first) / DAY
        visit_gap = (last - first) / DAY / np.maximum(moments - 1, 1)
    bought = np.bincount(shoppers.rows[shoppers.signals == PURCHASE], minlength=shoppers.n).astype(np.float64)
    repeat = 1 - distinct / np.maximum(total, 1)
    for unknown in (idle, known, repeat, visit_gap):
        unknown[total == 0] = np.nan
    return [column[rows] for column in (total, moments, distinct, idle, known, repeat, visit_gap, bought)]


def _moments(shoppers: Shoppers) -> Doubles:
    moments = np.zeros(shoppers.n, np.float64)
    np.maximum.at(moments, shoppers.rows, shoppers.steps.astype(np.float64) + 1)
    return moments

"""Features of a shopper and an item's kin: category, department, brand, variant group, attributes, price."""

import numpy as np

from recsys.arrays import Doubles, Ints, Longs
from recsys.data.interactions import DAY
from recsys.ranking.groups import Grouped, table
from recsys.ranking.item_statistics import COLUMNS, ItemStatistics
from recsys.ranking.shoppers import Shoppers

KIN = ("category", "department", "brand", "group")
AFFINITY = (
    *(f"{kin}_{fact}" for kin in KIN for fact in ("share", "recent", "idle", "last")),
    "attribute_share",
    "attribute_recent",
    "attribute_last",
    "price_gap",
    "price_z",
)
PRICE = COLUMNS.index("price")
STEP_DECAY = 0.7


def affinity_features(shoppers: Shoppers, rows: Longs, items: Longs, statistics: ItemStatistics) -> list[Doubles]:
    """Return one column per name in AFFINITY for the pairs (rows[i], items[i])."""
    shoppers = shoppers.weighty()
    columns: list[Doubles] = []
    for kin in KIN:
        columns += _kin_features(shoppers, rows, items, getattr(statistics, kin))
    return (
        columns
        + _attribute_features(shoppers, rows, items, statistics)
        + _price_features(shoppers, rows, items, statistics)
    )


def _kin_features(shoppers: Shoppers, rows: Longs, items: Longs, codes: Ints) -> list[Doubles]:
    n = int(codes.max(initial=-1)) + 2
    if n == 1:
        return [np.full(len(rows), np.nan)] * 4
    groups = Grouped.of(shoppers.rows * n + codes[shoppers.items] + 1)
    wanted = codes[items].astype(np.int64) + 1
    place = groups.at(rows * n + wanted)
    recent = STEP_DECAY**shoppers.steps
    owner = groups.keys // n
    share = groups.sum() / np.maximum(np.bincount(shoppers.rows, minlength=shoppers.n), 1)[owner]
    late = groups.sum(recent) / np.maximum(np.bincount(shoppers.rows, recent, shoppers.n), 1e-9)[owner]
    idle = (shoppers.now[owner] - groups.max(shoppers.times, start=-np.inf)) / DAY
    steps = -groups.max(-shoppers.steps.astype(np.float64), start=-np.inf)
    columns = [
        table(share)[place],
        table(late)[place],
        table(idle, missing=np.nan)[place],
        table(steps, missing=np.nan)[place],
    ]
    for column in columns:
        column[wanted == 0] = np.nan
    return columns


def _attribute_features(shoppers: Shoppers, rows: Longs, items: Longs, statistics: ItemStatistics) -> list[Doubles]:
    n = len(statistics.rarity)
    if n == 0:
        return [np.full(len(rows), np.nan)] * 3
    event, attribute = _expand(statistics, shoppers.items.astype(np.int64))
    groups = Grouped.of(shoppers.rows[event] * n + attribute)
    recent = STEP_DECAY ** shoppers.steps[event]
    total = np.maximum(np.bincount(shoppers.rows, minlength=shoppers.n), 1)
    total_recent = np.maximum(np.bincount(shoppers.rows, STEP_DECAY**shoppers.steps, shoppers.n), 1e-9)
    owner = groups.keys // n
    weighed = [
        groups.sum() / total[owner],
        groups.sum(recent) / total_recent[owner],
        groups.sum(shoppers.steps[event] == 0),
    ]
    pair, wanted = _expand(statistics, items)
    place = groups.at(rows[pair] * n + wanted)
    rarity = statistics.rarity[wanted]
    norm = np.maximum(np.bincount(pair, rarity, len(items)), 1e-9)
    return [np.bincount(pair, table(values)[place] * rarity, len(items)) / norm for values in weighed]


def _expand(statistics: ItemStatistics, items: Longs) -> tuple[Longs, Longs]:
    """Return for each attribute of each item handed in: the position of the item, the attribute."""
    starts, sizes = statistics.starts[items], statistics.starts[items + 1] - statistics.starts[items]
    owner = np.repeat(np.arange(len(items)), sizes)
    within = np.arange(len(owner)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    return owner, statistics.attributes[np.repeat(starts, sizes) + within].astype(np.int64)


def _price_features(shoppers: Shoppers, rows: Longs, items: Longs, statistics: ItemStatistics) -> list[Doubles]:
    prices = statistics.table[:, PRICE]
    paid = prices[shoppers.items].astype(np.float64)
    known = ~np.isnan(paid)
    count = np.bincount(shoppers.rows[known], minlength=shoppers.n).astype(np.float64)
    count[count == 0] = np.nan
    mean = np.bincount(shoppers.rows[known], paid[known], shoppers.n) / count
    square = np.bincount(shoppers.rows[known], paid[known] ** 2, shoppers.n) / count
    gap = prices[items].astype(np.float64) - mean[rows]
    return [gap, gap / np.sqrt(np.maximum(square - mean**2, 0.04))[rows]]

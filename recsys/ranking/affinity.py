"""Features of a shopper and an item's category, department, brand, variant group, attributes and price."""

import numpy as np

from recsys.arrays import Doubles, Ints, Longs
from recsys.data.interactions import DAY
from recsys.ranking.groups import GroupBy, lookup_table
from recsys.ranking.item_statistics import COLUMNS, ItemStatistics
from recsys.ranking.profile_columns import ProfileColumns

CATEGORICALS = ("category", "department", "brand", "group")
AFFINITY_FEATURES = (
    *(f"{categorical}_{fact}" for categorical in CATEGORICALS for fact in ("share", "recent", "idle", "last")),
    "attribute_share",
    "attribute_recent",
    "attribute_last",
    "price_gap",
    "price_z",
)
PRICE = COLUMNS.index("price")
STEP_DECAY = 0.7


def affinity_features(
    histories: ProfileColumns, rows: Longs, items: Longs, statistics: ItemStatistics
) -> list[Doubles]:
    """Return one float64[n] column per name in AFFINITY_FEATURES for the pairs (rows[i], items[i])."""
    histories = histories.with_positive_weight()
    columns: list[Doubles] = []
    for categorical in CATEGORICALS:
        columns += _categorical_features(histories, rows, items, getattr(statistics, categorical))
    return (
        columns
        + _attribute_features(histories, rows, items, statistics)
        + _price_features(histories, rows, items, statistics)
    )


def _categorical_features(histories: ProfileColumns, rows: Longs, items: Longs, codes: Ints) -> list[Doubles]:
    n = int(codes.max(initial=-1)) + 2
    if n == 1:
        return [np.full(len(rows), np.nan)] * 4
    groups = GroupBy.of(histories.rows * n + codes[histories.items] + 1)
    candidate_codes = codes[items].astype(np.int64) + 1
    position = groups.at(rows * n + candidate_codes)
    recent = STEP_DECAY**histories.steps
    owner = groups.keys // n
    share = groups.sum() / np.maximum(np.bincount(histories.rows, minlength=histories.n_profiles), 1)[owner]
    recent_share = (
        groups.sum(recent) / np.maximum(np.bincount(histories.rows, recent, histories.n_profiles), 1e-9)[owner]
    )
    idle = (histories.now[owner] - groups.max(histories.times, start=-np.inf)) / DAY
    steps = -groups.max(-histories.steps.astype(np.float64), start=-np.inf)
    columns = [
        lookup_table(share)[position],
        lookup_table(recent_share)[position],
        lookup_table(idle, missing=np.nan)[position],
        lookup_table(steps, missing=np.nan)[position],
    ]
    for column in columns:
        column[candidate_codes == 0] = np.nan
    return columns


def _attribute_features(
    histories: ProfileColumns, rows: Longs, items: Longs, statistics: ItemStatistics
) -> list[Doubles]:
    n = len(statistics.rarity)
    if n == 0:
        return [np.full(len(rows), np.nan)] * 3
    event, attribute = _expand(statistics, histories.items.astype(np.int64))
    groups = GroupBy.of(histories.rows[event] * n + attribute)
    recent = STEP_DECAY ** histories.steps[event]
    total = np.maximum(np.bincount(histories.rows, minlength=histories.n_profiles), 1)
    total_recent = np.maximum(np.bincount(histories.rows, STEP_DECAY**histories.steps, histories.n_profiles), 1e-9)
    owner = groups.keys // n
    group_values = [
        groups.sum() / total[owner],
        groups.sum(recent) / total_recent[owner],
        groups.sum(histories.steps[event] == 0),
    ]
    pair, attributes_of_pair = _expand(statistics, items)
    position = groups.at(rows[pair] * n + attributes_of_pair)
    rarity = statistics.rarity[attributes_of_pair]
    norm = np.maximum(np.bincount(pair, rarity, len(items)), 1e-9)
    return [np.bincount(pair, lookup_table(values)[position] * rarity, len(items)) / norm for values in group_values]


def _expand(statistics: ItemStatistics, items: Longs) -> tuple[Longs, Longs]:
    """Return the pairs (position in `items`, attribute code) of all attributes of the items."""
    starts, sizes = statistics.starts[items], statistics.starts[items + 1] - statistics.starts[items]
    owner = np.repeat(np.arange(len(items)), sizes)
    within = np.arange(len(owner)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    return owner, statistics.attributes[np.repeat(starts, sizes) + within].astype(np.int64)


def _price_features(histories: ProfileColumns, rows: Longs, items: Longs, statistics: ItemStatistics) -> list[Doubles]:
    prices = statistics.table[:, PRICE]
    history_prices = prices[histories.items].astype(np.float64)
    has_price = ~np.isnan(history_prices)
    count = np.bincount(histories.rows[has_price], minlength=histories.n_profiles).astype(np.float64)
    count[count == 0] = np.nan
    mean = np.bincount(histories.rows[has_price], history_prices[has_price], histories.n_profiles) / count
    square = np.bincount(histories.rows[has_price], history_prices[has_price] ** 2, histories.n_profiles) / count
    gap = prices[items].astype(np.float64) - mean[rows]
    return [gap, gap / np.sqrt(np.maximum(square - mean**2, 0.04))[rows]]

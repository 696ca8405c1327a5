"""Features of a shopper and an item's category, department, brand, variant group, attributes and price."""

import numpy as np

from recsys.arrays import Floats
from recsys.compiled import compiled
from recsys.data.interactions import DAY
from recsys.ranking.item_columns import CATEGORICALS, ItemColumns
from recsys.ranking.profile_columns import Events, Pairs

MEASURES = ("share", "recent", "idle", "last")
AFFINITY_FEATURES = (
    *(f"{categorical}_{measure}" for categorical in CATEGORICALS for measure in MEASURES),
    "attribute_share",
    "attribute_recent",
    "attribute_last",
    "price_gap",
    "price_z",
)
N_CATEGORICALS, N_MEASURES = len(CATEGORICALS), len(MEASURES)
STEP_DECAY = 0.7
MIN_VARIANCE = 0.04
"""The least variance of the logarithms of a shopper's prices."""
TINY = 1e-9


@compiled
def enter_affinity_features(events: Events, pairs: Pairs, columns: ItemColumns, matrix: Floats, column: int) -> None:
    """Write AFFINITY_FEATURES of each pair into the matrix, from `column` on.

    Only events of weight above 0 count: others, as of disliked items, must not raise similar items.
    """
    for categorical in range(N_CATEGORICALS):
        _enter_categorical(events, pairs, columns, categorical, matrix, column + N_MEASURES * categorical)
    _enter_attributes(events, pairs, columns, matrix, column + N_MEASURES * N_CATEGORICALS)
    _enter_prices(events, pairs, columns, matrix, column + N_MEASURES * N_CATEGORICALS + 3)


@compiled
def _enter_categorical(
    events: Events, pairs: Pairs, columns: ItemColumns, categorical: int, matrix: Floats, column: int
) -> None:
    codes, n = columns.codes[categorical], columns.n_codes[categorical]
    times, recents = np.zeros(n + 1), np.zeros(n + 1)  # the last is of items without a code
    newest, steps = np.full(n + 1, -np.inf), np.full(n + 1, np.inf)
    for shopper in range(len(events.now)):
        start, end = events.starts[shopper], events.starts[shopper + 1]
        total, total_recent = 0.0, 0.0
        for event in range(start, end):
            if events.weights[event] > 0:
                code, recent = codes[events.items[event]], STEP_DECAY ** events.steps[event]
                total, total_recent = total + 1, total_recent + recent
                times[code] += 1
                recents[code] += recent
                newest[code] = max(newest[code], events.times[event])
                steps[code] = min(steps[code], events.steps[event])
        for pair in range(pairs.starts[shopper], pairs.starts[shopper + 1]):
            code = codes[pairs.items[pair]]
            if code < 0:
                matrix[pair, column : column + N_MEASURES] = np.nan
                continue
            matrix[pair, column] = times[code] / max(total, 1.0)
            matrix[pair, column + 1] = recents[code] / max(total_recent, TINY)
            is_known = times[code] > 0
            matrix[pair, column + 2] = (events.now[shopper] - newest[code]) / DAY if is_known else np.nan
            matrix[pair, column + 3] = steps[code] if is_known else np.nan
        for event in range(start, end):
            code = codes[events.items[event]]
            times[code], recents[code], newest[code], steps[code] = 0.0, 0.0, -np.inf, np.inf


@compiled
def _enter_attributes(events: Events, pairs: Pairs, columns: ItemColumns, matrix: Floats, column: int) -> None:
    n = len(columns.rarity)
    if n == 0:
        matrix[:, column : column + 3] = np.nan
        return
    times, recents, newest = np.zeros(n), np.zeros(n), np.zeros(n)
    for shopper in range(len(events.now)):
        start, end = events.starts[shopper], events.starts[shopper + 1]
        total, total_recent = 0.0, 0.0
        for event in range(start, end):
            if events.weights[event] > 0:
                item, recent = events.items[event], STEP_DECAY ** events.steps[event]
                total, total_recent = total + 1, total_recent + recent
                for entry in range(columns.attribute_starts[item], columns.attribute_starts[item + 1]):
                    attribute = columns.attributes[entry]
                    times[attribute] += 1
                    recents[attribute] += recent
                    newest[attribute] += events.steps[event] == 0
        for pair in range(pairs.starts[shopper], pairs.starts[shopper + 1]):
            item, norm, share, recent, last = pairs.items[pair], 0.0, 0.0, 0.0, 0.0
            for entry in range(columns.attribute_starts[item], columns.attribute_starts[item + 1]):
                attribute = columns.attributes[entry]
                rarity = columns.rarity[attribute]
                norm += rarity
                share += times[attribute] / max(total, 1.0) * rarity
                recent += recents[attribute] / max(total_recent, TINY) * rarity
                last += newest[attribute] * rarity
            norm = max(norm, TINY)
            matrix[pair, column] = share / norm
            matrix[pair, column + 1] = recent / norm
            matrix[pair, column + 2] = last / norm
        for event in range(start, end):
            item = events.items[event]
            for entry in range(columns.attribute_starts[item], columns.attribute_starts[item + 1]):
                attribute = columns.attributes[entry]
                times[attribute], recents[attribute], newest[attribute] = 0.0, 0.0, 0.0


@compiled
def _enter_prices(events: Events, pairs: Pairs, columns: ItemColumns, matrix: Floats, column: int) -> None:
    for shopper in range(len(events.now)):
        count, total, squares = 0.0, 0.0, 0.0
        for event in range(events.starts[shopper], events.starts[shopper + 1]):
            price = columns.prices[events.items[event]]
            if events.weights[event] > 0 and not np.isnan(price):
                count, total, squares = count + 1, total + price, squares + price**2
        for pair in range(pairs.starts[shopper], pairs.starts[shopper + 1]):
            if count == 0:
                matrix[pair, column : column + 2] = np.nan
                continue
            mean = total / count
            gap = columns.prices[pairs.items[pair]] - mean
            matrix[pair, column] = gap
            matrix[pair, column + 1] = gap / np.sqrt(max(squares / count - mean**2, MIN_VARIANCE))

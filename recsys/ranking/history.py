"""Features of a shopper's own history with an item (how often, how recent, how regular), and of the shopper."""

import numpy as np

from recsys.arrays import Doubles, Floats
from recsys.compiled import compiled
from recsys.data.interactions import DAY
from recsys.data.signals import CART, PURCHASE
from recsys.ranking.groups import place_of
from recsys.ranking.item_columns import ItemColumns
from recsys.ranking.profile_columns import Events, Pairs

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
N_OWN, N_ZERO = len(OWN_FEATURES), OWN_FEATURES.index("own_idle")
"""Of an item that is not in the history, the first `N_ZERO` are 0, the others unknown."""
TIMES, DECAYS, STEPS, SHARE, VISITS, VISIT_SHARE, BOUGHT, IN_CART = 0, 1, 5, 6, 7, 8, 9, 10
IDLE, IDLE_STEPS, SINCE_FIRST, GAP, DUE, DUE_USUAL, RANK = range(N_ZERO, N_OWN)
RANKED_DECAY = DECAYS + OWN_HALF_LIVES.index(60.0)
MIN_GAP = 0.01
"""Days: a shorter gap between two uses counts as this."""
SHOPPER_FEATURES = ("events", "visits", "items", "idle", "since_first", "repeat_share", "visit_gap", "bought")


@compiled
def enter_own_features(events: Events, pairs: Pairs, columns: ItemColumns, matrix: Floats, column: int) -> None:
    """Write OWN_FEATURES of each pair into the matrix, from `column` on."""
    for shopper in range(len(events.now)):
        start, end = events.starts[shopper], events.starts[shopper + 1]
        codes, table = _own_table(events, columns.gap, shopper, start, end)
        for pair in range(pairs.starts[shopper], pairs.starts[shopper + 1]):
            place = place_of(codes, pairs.items[pair])
            for own in range(N_OWN):
                if place >= 0:
                    matrix[pair, column + own] = table[place, own]
                else:
                    matrix[pair, column + own] = 0.0 if own < N_ZERO else np.nan


@compiled
def _own_table(events: Events, usual_gap: Doubles, shopper: int, start: int, end: int) -> tuple[np.ndarray, Doubles]:
    """Return the item codes of a shopper's history, ascending, and float64[n_items, N_OWN], their features."""
    order = np.argsort(events.items[start:end], kind="mergesort") + start
    codes, table = np.empty(end - start, np.int32), np.zeros((end - start, N_OWN))
    now, moments, n, item = events.now[shopper], 0.0, -1, np.int32(-1)
    first, last, latest_step = 0.0, 0.0, np.float32(-1)
    for event in range(start, end):
        moments = max(moments, events.steps[event] + 1.0)
    for place in range(len(order)):
        event = order[place]
        time, step = events.times[event], events.steps[event]
        if n < 0 or events.items[event] != item:
            n, item = n + 1, events.items[event]
            codes[n], first, latest_step = item, time, np.float32(-1)
        row = table[n]
        row[TIMES] += 1
        for at in range(len(OWN_HALF_LIVES)):
            row[DECAYS + at] += np.exp2(-(now - time) / DAY / OWN_HALF_LIVES[at])
        row[STEPS] += STEP_DECAY**step
        row[VISITS] += step != latest_step
        row[BOUGHT] += events.signals[event] == PURCHASE
        row[IN_CART] += events.signals[event] == CART
        latest_step, last = step, time
        if place + 1 < len(order) and events.items[order[place + 1]] == item:
            continue
        row[SHARE] = row[TIMES] / (end - start)
        row[VISIT_SHARE] = row[VISITS] / max(moments, 1.0)
        row[IDLE], row[IDLE_STEPS], row[SINCE_FIRST] = (now - last) / DAY, step, (now - first) / DAY
        row[GAP] = (last - first) / DAY / (row[VISITS] - 1) if row[VISITS] > 1 else np.nan
        row[DUE] = row[IDLE] / max(row[GAP], MIN_GAP) if row[VISITS] > 1 else np.nan
        usual = usual_gap[item] / DAY
        row[DUE_USUAL] = np.nan if np.isnan(usual) else row[IDLE] / max(usual, MIN_GAP)
    table = table[: n + 1]
    best_first = np.argsort(-table[:, RANKED_DECAY], kind="mergesort")
    for rank in range(n + 1):
        table[best_first[rank], RANK] = rank
    return codes[: n + 1], table


@compiled
def enter_shopper_features(events: Events, pairs: Pairs, matrix: Floats, column: int) -> None:
    """Write SHOPPER_FEATURES, equal for all pairs of a shopper, into the matrix, from `column` on."""
    for shopper in range(len(events.now)):
        start, end = events.starts[shopper], events.starts[shopper + 1]
        now, total, moments, bought = events.now[shopper], float(end - start), 0.0, 0.0
        first, last = np.inf, -np.inf
        for event in range(start, end):
            first, last = min(first, events.times[event]), max(last, events.times[event])
            moments = max(moments, events.steps[event] + 1.0)
            bought += events.signals[event] == PURCHASE
        distinct = float(len(np.unique(events.items[start:end])))
        values = np.full(len(SHOPPER_FEATURES), np.nan)
        values[0], values[1], values[2], values[7] = total, moments, distinct, bought
        if total > 0:
            values[3], values[4] = (now - last) / DAY, (now - first) / DAY
            values[5], values[6] = 1 - distinct / total, (last - first) / DAY / max(moments - 1, 1.0)
        for pair in range(pairs.starts[shopper], pairs.starts[shopper + 1]):
            for own in range(len(values)):
                matrix[pair, column + own] = values[own]

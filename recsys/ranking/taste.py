"""Features of how new and how popular the shopper's products are, and of a candidate's distance to that."""

import numpy as np

from recsys.arrays import Floats
from recsys.compiled import compiled
from recsys.data.interactions import DAY
from recsys.ranking.item_columns import ItemColumns
from recsys.ranking.profile_columns import Events, Pairs

TASTE_FEATURES = ("age_gap", "new_share", "popular_gap", "born_gap")
STEP_DECAY = 0.8
NEW_DAYS = 60.0
"""Up to this age a product counts as new to the shop when the shopper touches it."""
NEW_AGE = np.log1p(NEW_DAYS)


@compiled
def enter_taste_features(events: Events, pairs: Pairs, columns: ItemColumns, matrix: Floats, column: int) -> None:
    """Write TASTE_FEATURES of each pair into the matrix, from `column` on.

    NaN for a shopper without history. Ages are log(1 + days); a product of unknown age counts as new.
    """
    for shopper in range(len(events.now)):
        total, ages, new, popular, births = 0.0, 0.0, 0.0, 0.0, 0.0
        for event in range(events.starts[shopper], events.starts[shopper + 1]):
            item, time = events.items[event], events.times[event]
            weight, born = STEP_DECAY ** events.steps[event], columns.born[item]
            born = time if np.isnan(born) else born
            age = _log_days(time - born)
            total += weight
            ages += weight * age
            new += weight * (age < NEW_AGE)
            popular += weight * columns.popular[item]
            births += weight * born
        now = events.now[shopper]
        for pair in range(pairs.starts[shopper], pairs.starts[shopper + 1]):
            if total == 0:
                matrix[pair, column : column + 4] = np.nan
                continue
            item = pairs.items[pair]
            born = now if np.isnan(columns.born[item]) else columns.born[item]
            matrix[pair, column] = _log_days(now - born) - ages / total
            matrix[pair, column + 1] = new / total
            matrix[pair, column + 2] = columns.popular[item] - popular / total
            matrix[pair, column + 3] = (born - births / total) / DAY


@compiled
def _log_days(seconds: float) -> float:
    return np.log1p(max(seconds, 0.0) / DAY)  # type: ignore[no-any-return]

"""Features of how new and how popular the shopper's products are, and of a candidate's distance to that."""

import numpy as np

from recsys.arrays import Doubles, Longs
from recsys.data.interactions import DAY
from recsys.ranking.item_statistics import COLUMNS, ItemStatistics
from recsys.ranking.profile_columns import ProfileColumns

TASTE_FEATURES = ("age_gap", "new_share", "popular_gap", "born_gap")
STEP_DECAY = 0.8
NEW_DAYS = 60.0
"""Up to this age a product counts as new to the shop when the shopper touches it."""
POPULAR = COLUMNS.index("popular_365d")


def taste_features(histories: ProfileColumns, rows: Longs, items: Longs, statistics: ItemStatistics) -> list[Doubles]:
    """Return one float64[n] column per name in TASTE_FEATURES for the pairs (rows[i], items[i]).

    NaN for a shopper without history. Ages are log(1 + days); a product of unknown age counts as new.
    """
    weights = STEP_DECAY**histories.steps
    total = np.bincount(histories.rows, weights, histories.n_profiles).astype(np.float64)
    total[total == 0] = np.nan
    born = np.where(np.isnan(statistics.born[histories.items]), histories.times, statistics.born[histories.items])
    ages = _log_days(histories.times - born)
    now = histories.now[rows]
    candidate_born = np.where(np.isnan(statistics.born[items]), now, statistics.born[items])

    def mean(values: Doubles) -> Doubles:
        row_means: Doubles = np.bincount(histories.rows, weights * values, histories.n_profiles) / total
        return row_means[rows]

    popular = statistics.table[:, POPULAR]
    return [
        _log_days(now - candidate_born) - mean(ages),
        mean((ages < np.log1p(NEW_DAYS)).astype(np.float64)),
        popular[items] - mean(popular[histories.items].astype(np.float64)),
        (candidate_born - mean(born)) / DAY,
    ]


def _log_days(seconds: Doubles) -> Doubles:
    days: Doubles = np.log1p(np.maximum(seconds, 0.0) / DAY)
    return days

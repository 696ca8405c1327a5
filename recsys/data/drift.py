"""Histograms of a day's traffic, to be compared with those of the live model's training data. Pure.

The usual day is from the last week of the training data, with the popularity of products before that week. So both
sides look at products from a later time, and a shop's normal share of new products is not drift.
"""

from typing import Any

import numpy as np

from recsys.arrays import (
    Bools,
    Doubles,
    Floats,
    Ints,
    Longs,
    Times,
)
from recsys.data.interactions import DAY, Interactions
from recsys.data.signals import SIGNAL_NAMES

WEEK = 7 * DAY
MIN_COUNT = 200
"""With fewer rows or shoppers, a histogram is mostly chance."""
HALF_LIFE = 28 * DAY
POPULARITY_BIN_ENDS = (0.01, 0.05, 0.2, 0.5)
"""Upper ends of the popularity bins, as shares of all touched items. Two more bins hold the rest and the untouched."""
MAX_ACTIVITY = 12


def usual_day(rows: Interactions, n_items: int) -> dict[str, Any] | None:
    """Return `day_histograms` of the last week's days; None if that week or the time before has too few rows."""
    late = _in_last_week(rows)
    if late is None:
        return None
    end = float(rows.times[-1])
    bins = popularity_bins(popularity(rows.items[~late], rows.times[~late], rows.weights[~late], n_items))
    return day_histograms(
        rows.signals[late].astype(np.int64),
        rows.users[late].astype(np.int64),
        end - rows.times[late],
        bins[rows.items[late]],
    )


def usual_week(rows: Interactions) -> list[int] | None:
    """Return the number of last week's shoppers by the logarithm of their events in that week.

    None if that week or the time before has too few rows. All events of a shopper would measure the age of the shop.
    """
    late = _in_last_week(rows)
    if late is None:
        return None
    _, counts = np.unique(rows.users[late], return_counts=True)
    activity = np.minimum(np.log2(counts + 1), MAX_ACTIVITY).astype(np.int64)
    histogram: list[int] = np.bincount(activity, minlength=MAX_ACTIVITY + 1).tolist()
    return histogram


def _in_last_week(rows: Interactions) -> Bools | None:
    """Return bool[n_rows]: which rows are of the last week; None if it or the time before has too few rows."""
    if not len(rows):
        return None
    late: Bools = rows.times > float(rows.times[-1]) - WEEK
    return late if min(late.sum(), (~late).sum()) >= MIN_COUNT else None


def day_histograms(signals: Longs, shoppers: Longs, ages: Times, bins: Longs) -> dict[str, Any]:
    """Return histograms of rows: signals, events a shopper and day (logarithm), popularity bins of the items.

    `ages` are seconds before the end of the window; days are counted back from there. `bins` is the bin of each row's
    item, by `popularity_bins`.
    """
    days = (ages // DAY).astype(np.int64)
    _, counts = np.unique(shoppers * (1 << 20) + days, return_counts=True)
    activity = np.minimum(np.log2(counts), MAX_ACTIVITY).astype(np.int64)
    return {
        "rows": len(signals),
        "signals": np.bincount(signals, minlength=len(SIGNAL_NAMES)).tolist(),
        "activity": np.bincount(activity, minlength=MAX_ACTIVITY + 1).tolist(),
        "popularity": bin_counts(bins, np.ones(len(bins))),
    }


def daily_shoppers(signals: Longs, shoppers: Longs, ages: Times, *, days: int) -> Longs:
    """Return int64[days, n_signals + 1], the last day first: the number of all shoppers, then those with each signal.

    `ages` are seconds before the end of the window.
    """
    day = (ages // DAY).astype(np.int64)
    counts = np.zeros((days, len(SIGNAL_NAMES) + 1), np.int64)
    by_signal = ((day < days) & (signals == code) for code in range(len(SIGNAL_NAMES)))
    for column, rows in enumerate([day < days, *by_signal]):
        day_of_shopper = np.unique(day[rows] * (1 << 40) + shoppers[rows]) >> 40
        counts[:, column] = np.bincount(day_of_shopper, minlength=days)
    return counts


def popularity(items: Ints, times: Times, weights: Floats, n_items: int) -> Doubles:
    """Return float64[n_items]: summed weights with a half-life of 28 days, as in the ranker's item statistics."""
    decay = 0.5 ** ((times.max(initial=0.0) - times) / HALF_LIFE)
    return np.bincount(items, weights * decay, n_items).astype(np.float64)


def popularity_bins(popular: Doubles) -> Longs:
    """Return int64[n_items], the bin of each item: 0 for the most popular, the last bin for untouched items."""
    order = np.argsort(-popular, kind="stable")
    n_touched = int(np.count_nonzero(popular > 0))
    bins = np.full(len(popular), len(POPULARITY_BIN_ENDS) + 1, np.int64)
    quantiles = (np.arange(n_touched) + 1) / n_touched
    bins[order[:n_touched]] = np.searchsorted(POPULARITY_BIN_ENDS, quantiles, side="left")
    return bins


def bin_counts(bins: Longs, counts: Doubles) -> list[float]:
    """Return the sum of the counts in each popularity bin."""
    return [float(total) for total in np.bincount(bins, counts, len(POPULARITY_BIN_ENDS) + 2)]

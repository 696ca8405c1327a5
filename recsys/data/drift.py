"""Is a day's traffic still what the live model learnt from? Signals, activity and popularity as histograms. Pure.

The usual day is taken from the last week that training saw, popularity as it stood before that week: so it is as far
ahead of what it is held against as any later day is, and a shop's normal share of new products is no drift.
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
TELLING = 200
"""Rows below which a histogram, and shoppers below whom what is shown to all, is mostly chance."""
HALF_LIFE = 28 * DAY
STANDINGS = (0.01, 0.05, 0.2, 0.5)
"""Where the bins of popularity end, as shares of all known items; the last bins are the rest and the unknown."""
MOST_ACTIVITY = 12


def usual_day(rows: Interactions, n_items: int) -> dict[str, Any] | None:
    """Return the histograms of the last week's days, None where a week, or what came before it, is too little."""
    late = _last_week(rows)
    if late is None:
        return None
    end = float(rows.times[-1])
    standing = standings(popularity(rows.items[~late], rows.times[~late], rows.weights[~late], n_items))
    return day_of(
        rows.signals[late].astype(np.int64),
        rows.users[late].astype(np.int64),
        end - rows.times[late],
        standing[rows.items[late]],
    )


def usual_week(rows: Interactions) -> list[int] | None:
    """Return shoppers of the last week by the logarithm of their events in it, None where a week or the time before it
    is too little.

    Events since the beginning of the shop would say how old it is.
    """
    late = _last_week(rows)
    if late is None:
        return None
    _, counts = np.unique(rows.users[late], return_counts=True)
    activity = np.minimum(np.log2(counts + 1), MOST_ACTIVITY).astype(np.int64)
    found: list[int] = np.bincount(activity, minlength=MOST_ACTIVITY + 1).tolist()
    return found


def _last_week(rows: Interactions) -> Bools | None:
    """Return bool[n_rows]: which rows are of the last week; None where it, or what came before it, is too little."""
    if not len(rows):
        return None
    late: Bools = rows.times > float(rows.times[-1]) - WEEK
    return late if min(late.sum(), (~late).sum()) >= TELLING else None


def day_of(signals: Longs, shoppers: Longs, ages: Times, standing: Longs) -> dict[str, Any]:
    """Return histograms of rows: their signals, events a shopper and day, standing of what they are about.

    `ages` are seconds before the end of the window: days are counted backward from there.
    """
    days = (ages // DAY).astype(np.int64)
    _, counts = np.unique(shoppers * (1 << 20) + days, return_counts=True)
    activity = np.minimum(np.log2(counts), MOST_ACTIVITY).astype(np.int64)
    return {
        "rows": len(signals),
        "signals": np.bincount(signals, minlength=len(SIGNAL_NAMES)).tolist(),
        "activity": np.bincount(activity, minlength=MOST_ACTIVITY + 1).tolist(),
        "popularity": shown_by(standing, np.ones(len(standing))),
    }


def shoppers_a_day(signals: Longs, shoppers: Longs, ages: Times, *, days: int) -> Longs:
    """Return int64[days, signals + 1], the last day first: how many shoppers came, and how many gave each signal."""
    of = (ages // DAY).astype(np.int64)
    found = np.zeros((days, len(SIGNAL_NAMES) + 1), np.int64)
    for column, own in enumerate([of < days, *((of < days) & (signals == code) for code in range(len(SIGNAL_NAMES)))]):
        came = np.unique(of[own] * (1 << 40) + shoppers[own]) >> 40
        found[:, column] = np.bincount(came, minlength=days)
    return found


def popularity(items: Ints, times: Times, weights: Floats, n_items: int) -> Doubles:
    """Return each item's decayed popularity, as the ranker's statistics count it over 28 days."""
    decay = 0.5 ** ((times.max(initial=0.0) - times) / HALF_LIFE)
    return np.bincount(items, weights * decay, n_items).astype(np.float64)


def standings(popular: Doubles) -> Longs:
    """Return the bin of each item: 0 are the most popular, the last one nobody has touched."""
    order = np.argsort(-popular, kind="stable")
    known = int(np.count_nonzero(popular > 0))
    found = np.full(len(popular), len(STANDINGS) + 1, np.int64)
    places = (np.arange(known) + 1) / known
    found[order[:known]] = np.searchsorted(STANDINGS, places, side="left")
    return found


def shown_by(standing: Longs, counts: Doubles) -> list[float]:
    """Return how much of the counts falls into each bin."""
    return [float(one) for one in np.bincount(standing, counts, len(STANDINGS) + 2)]

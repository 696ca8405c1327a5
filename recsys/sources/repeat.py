"""Repeat rates and intervals of products: some are bought once, some every week. Pure."""

from dataclasses import dataclass

import numpy as np

from recsys.arrays import Floats
from recsys.data.interactions import DAY, Interactions
from recsys.data.signals import PURCHASE


@dataclass(frozen=True, slots=True)
class Repeats:
    """Repeat statistics, both float32[n_items]: `rate`, repeats / all purchases; `interval`, usual seconds between two.

    Both are shrunk to the shop's average by `prior` pseudo counts.
    """

    rate: Floats
    interval: Floats


def repeats(interactions: Interactions, n_items: int, *, prior: float) -> Repeats:
    """Return the repeat statistics of purchases; of all signals if the shop has no purchases.

    Rows of a shopper and item within six hours count once: lines of one order, clicks of one visit.
    """
    rows = np.flatnonzero(interactions.signals == PURCHASE)
    rows = rows if len(rows) else np.arange(len(interactions))
    order = rows[np.lexsort((interactions.times[rows], interactions.items[rows], interactions.users[rows]))]
    users, items, times = interactions.users[order], interactions.items[order], interactions.times[order]
    same = (np.diff(users, prepend=-1) == 0) & (np.diff(items, prepend=-1) == 0)
    gaps = np.diff(times, prepend=times[:1])
    again = same & (gaps > DAY / 4)
    first = np.bincount(items[~same], minlength=n_items)
    returns = np.bincount(items[again], minlength=n_items)
    usual = returns.sum() / max(1, returns.sum() + first.sum())
    rate = (returns + prior * max(usual, 1e-3)) / (returns + first + prior)
    logs = np.bincount(items[again], np.log(gaps[again]), n_items)
    typical = logs.sum() / returns.sum() if returns.sum() else np.log(30 * DAY)
    interval = np.exp((logs + prior * typical) / (returns + prior))
    return Repeats(rate.astype(np.float32), interval.astype(np.float32))


def own_gain(interactions: Interactions, n_items: int, *, prior: float, power: float) -> Floats:
    """Return float32[n_items]: (repeat rate / mean rate) ** power, the weight of an item's own events for itself."""
    rate = repeats(interactions, n_items, prior=prior).rate
    return np.asarray((rate / max(float(rate.mean()) if n_items else 0.0, 1e-6)) ** power, np.float32)

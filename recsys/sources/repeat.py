"""Repeat rates and intervals of products: some are bought once, some every week. Pure."""

from dataclasses import dataclass

import numpy as np

from recsys.arrays import Floats, Ints
from recsys.data.counting_sort import order_by
from recsys.data.interactions import DAY, Interactions
from recsys.data.signals import PURCHASE
from recsys.sources.storage import Array


@dataclass(frozen=True, slots=True)
class Repeats:
    """Repeat statistics, both float32[n_items]: `rate`, repeats / all purchases; `interval`, usual seconds between two.

    Both are shrunk by `prior` pseudo counts to the average of the item's category, else of the shop.
    """

    rate: Floats
    interval: Floats


def repeats(interactions: Interactions, n_items: int, *, prior: float, categories: Ints | None = None) -> Repeats:
    """Return the repeat statistics of purchases; of all signals if the shop has no purchases.

    Rows of a shopper and item within six hours count once: lines of one order, clicks of one visit. `categories`,
    int32[n_items] with -1 for none, are shrunk to the shop first; then each item is shrunk to its category.
    """
    rows = np.flatnonzero(interactions.signals == PURCHASE)
    rows = rows if len(rows) else np.arange(len(interactions))
    order = rows[order_by(interactions.users[rows], interactions.items[rows])]  # a shopper's rows are sorted by time
    users, items, times = interactions.users[order], interactions.items[order], interactions.times[order]
    same = (np.diff(users, prepend=-1) == 0) & (np.diff(items, prepend=-1) == 0)
    gaps = np.diff(times, prepend=times[:1])
    again = same & (gaps > DAY / 4)
    first = np.bincount(items[~same], minlength=n_items)
    returns = np.bincount(items[again], minlength=n_items)
    logs = np.bincount(items[again], np.log(gaps[again]), n_items)
    usual = max(returns.sum() / max(1, returns.sum() + first.sum()), 1e-3)
    typical = logs.sum() / returns.sum() if returns.sum() else np.log(30 * DAY)
    rate = _shrunk(returns, returns + first, usual, prior=prior, groups=categories)
    interval = np.exp(_shrunk(logs, returns, typical, prior=prior, groups=categories))
    return Repeats(rate.astype(np.float32), interval.astype(np.float32))


def _shrunk(sums: Array, counts: Array, mean: float, *, prior: float, groups: Ints | None) -> Array:
    """Return sums / counts of each item, shrunk by `prior` pseudo counts to the mean of its group, else to `mean`."""
    expected: Array = np.full(len(sums), mean)
    if groups is not None:
        has_group = groups >= 0
        codes, n = groups[has_group], int(groups.max(initial=-1)) + 1
        by_group = np.bincount(codes, sums[has_group], n) + prior * mean
        expected[has_group] = (by_group / (np.bincount(codes, counts[has_group], n) + prior))[codes]
    shrunk: Array = (sums + prior * expected) / (counts + prior)
    return shrunk


def own_gain(interactions: Interactions, n_items: int, *, prior: float, power: float) -> Floats:
    """Return float32[n_items]: (repeat rate / mean rate) ** power, the weight of an item's own events for itself."""
    rate = repeats(interactions, n_items, prior=prior).rate
    return np.asarray((rate / max(float(rate.mean()) if n_items else 0.0, 1e-6)) ** power, np.float32)

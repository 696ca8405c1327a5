"""A day's answers and their NDCG@10 against what the same shopper touched later that day. Pure.

Everything is done by sorting, so memory grows linearly with answers and touches.
"""

from dataclasses import dataclass

import numpy as np

from recsys.arrays import (
    Bools,
    Doubles,
    Ints,
    Longs,
    Times,
)
from recsys.evaluation.model_checks.slate_table import CatalogView
from recsys.metrics.beyond_accuracy import exposure_counts
from recsys.metrics.registry import metric_values

K = 10


@dataclass(frozen=True, slots=True)
class Touches:
    """The touches of a day: codes of shoppers and items, seconds since 1970; equal lengths, any order."""

    shoppers: Longs
    items: Longs
    times: Times


@dataclass(frozen=True, slots=True)
class Answers:
    """The n answers of a day, or of a sample of its shoppers.

    `slates` is int32[n, k], item codes padded with -1. `shoppers` is int64[n], below 0 for shoppers without a touch.
    `times` is float64[n], seconds since 1970.
    """

    slates: Ints
    shoppers: Longs
    times: Times

    def __len__(self) -> int:
        return len(self.slates)

    @property
    def n_shoppers(self) -> int:
        """The number of shoppers; each answer without a known shopper counts as one of its own."""
        return len(np.unique(self.shoppers))

    def head(self, size: int) -> "Answers":
        """Return the first `size` answers."""
        return Answers(self.slates[:size], self.shoppers[:size], self.times[:size])

    def exposure(self, view: CatalogView) -> Doubles:
        """Return float64[n_items]: how often each item was shown among the first ten."""
        return exposure_counts(self.slates, view.n_items)


def ndcg_by_shopper(answers: Answers, touches: Touches, *, n_items: int) -> tuple[Longs, Doubles]:
    """Return shopper codes, ascending, and the mean NDCG@10 of each shopper's answers, float64.

    The targets of an answer are the distinct items that its shopper touched later. Answers without targets are left
    out, and so are shoppers without any other.
    """
    touch_shoppers, items, last = _last_touches(touches, n_items)
    is_hit = _is_touched_later(answers, touch_shoppers * n_items + items, last, n_items=n_items)
    later = _n_touched_later(answers, touch_shoppers, last)
    answered = np.flatnonzero(later > 0)
    values = metric_values(is_hit[answered], later[answered], k=K)["ndcg"]
    names, owner = np.unique(answers.shoppers[answered], return_inverse=True)
    return names, np.bincount(owner, values) / np.bincount(owner)


def _last_touches(touches: Touches, n_items: int) -> tuple[Longs, Longs, Times]:
    """Return shopper, item and time of the last touch of each pair, sorted by shopper and item."""
    pairs = touches.shoppers * n_items + touches.items
    order = np.lexsort((touches.times, pairs))
    pairs, times = pairs[order], touches.times[order]
    ends = np.append(pairs[1:] != pairs[:-1], True)[: len(pairs)]
    return pairs[ends] // n_items, pairs[ends] % n_items, times[ends]


def _is_touched_later(answers: Answers, pairs: Longs, last: Times, *, n_items: int) -> Bools:
    """Return bool[n, k]: whether the shopper touched each item after the answer; `pairs` are sorted."""
    keys = answers.shoppers[:, None] * n_items + answers.slates
    if not len(pairs):
        return np.zeros(keys.shape, bool)
    at = np.minimum(np.searchsorted(pairs, keys), len(pairs) - 1)
    is_hit: Bools = (pairs[at] == keys) & (answers.slates >= 0) & (last[at] > answers.times[:, None])
    return is_hit


def _n_touched_later(answers: Answers, touch_shoppers: Longs, last: Times) -> Longs:
    """Return int64[n]: the number of distinct items that each answer's shopper touched after it."""
    both = np.concatenate([answers.times, last])
    begin = both.min(initial=np.inf)
    length = both.max(initial=-np.inf) - begin + 1.0
    ordered = np.sort(touch_shoppers * length + (last - begin))
    ends = np.searchsorted(ordered, (answers.shoppers + 1) * length)
    later: Longs = ends - np.searchsorted(ordered, answers.shoppers * length + (answers.times - begin), side="right")
    return later

"""The baseline for products nobody touched yet: the newest of the category the shopper was in last."""

from collections.abc import Sequence

import numpy as np

from recsys.arrays import Ints
from recsys.data.folds import Fold
from recsys.metrics.beyond_accuracy import TOP
from recsys.metrics.registry import values_with_targets
from recsys.ranking.item_statistics import ItemStatistics


def newest_in_last_category(statistics: ItemStatistics, fold: Fold, *, k: int) -> Ints:
    """Return int32[n, k]: the newest items of each shopper's last category, of products without one the one before.

    Those of which no first day is known count as newest of all.
    """
    born = np.where(np.isnan(statistics.born), np.inf, statistics.born)
    order = np.lexsort((np.arange(statistics.n_items), -born, statistics.category))
    starts = np.searchsorted(statistics.category[order], np.arange(int(statistics.category.max(initial=-1)) + 2))
    found = np.full((len(fold), k), -1, np.int32)
    for row, profile in enumerate(fold.profiles):
        categories = statistics.category[profile.items]
        if (categories >= 0).any():
            category = int(categories[categories >= 0][-1])
            shelf = order[starts[category] : starts[category + 1]]
            if fold.new_only:
                shelf = shelf[~np.isin(shelf, profile.items)]
            found[row, : len(shelf[:k])] = shelf[:k]
    return found


def newest_hit_rate(folds: Sequence[Fold]) -> float:
    """Return in which share of the folds' questions with a cold target the baseline's first ten hit one.

    0 where there is no such question, or no product has a category.
    """
    found = []
    for fold in folds:
        known, targets = fold.catalog, fold.cold_targets()
        if known.categories and any(map(len, targets)):
            statistics = ItemStatistics.fit(fold.past, known, until=fold.until)
            slates = newest_in_last_category(statistics, fold, k=TOP)
            found.append(values_with_targets(slates, targets, fold.n_items, metric="hit_rate")[1])
    return float(np.concatenate(found).mean()) if found else 0.0

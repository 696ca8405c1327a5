"""The baseline for untouched products: the newest of the category that the shopper touched last."""

from collections.abc import Sequence

import numpy as np

from recsys.arrays import Ints
from recsys.data.folds import Fold
from recsys.metrics.beyond_accuracy import TOP
from recsys.metrics.registry import values_with_targets
from recsys.ranking.item_statistics import ItemStatistics


def newest_in_last_category(statistics: ItemStatistics, fold: Fold, *, k: int) -> Ints:
    """Return int32[n, k], padded with -1: the newest items of the category of each shopper's latest categorized item.

    Items of unknown age count as the newest.
    """
    born = np.where(np.isnan(statistics.born), np.inf, statistics.born)
    order = np.lexsort((np.arange(statistics.n_items), -born, statistics.category))
    starts = np.searchsorted(statistics.category[order], np.arange(int(statistics.category.max(initial=-1)) + 2))
    slates = np.full((len(fold), k), -1, np.int32)
    for row, profile in enumerate(fold.profiles):
        categories = statistics.category[profile.items]
        if (categories >= 0).any():
            category = int(categories[categories >= 0][-1])
            category_items = order[starts[category] : starts[category + 1]]
            if fold.new_only:
                category_items = category_items[~np.isin(category_items, profile.items)]
            slates[row, : len(category_items[:k])] = category_items[:k]
    return slates


def newest_hit_rate(folds: Sequence[Fold]) -> float:
    """Return the baseline's hit rate at 10 on the folds' questions with a cold target.

    0 where there is no such question, or no product has a category.
    """
    values = []
    for fold in folds:
        catalog, targets = fold.catalog, fold.cold_targets()
        if catalog.categories and any(map(len, targets)):
            statistics = ItemStatistics.fit(fold.past, catalog, until=fold.until)
            slates = newest_in_last_category(statistics, fold, k=TOP)
            values.append(values_with_targets(slates, targets, fold.n_items, metric="hit_rate")[1])
    return float(np.concatenate(values).mean()) if values else 0.0

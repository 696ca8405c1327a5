"""The baseline for products nobody touched yet: the newest of the category the shopper was in last."""

import numpy as np

from personalization.ranking.facts import ItemFacts
from personalization.recommenders.base import Ints
from personalization.training.folds import Fold


def newest_in_last_category(facts: ItemFacts, fold: Fold, *, k: int) -> Ints:
    """Return int32[n, k]: the newest items of each shopper's last category.

    Those of which no first day is known count as newest of all.
    """
    born = np.where(np.isnan(facts.born), np.inf, facts.born)
    order = np.lexsort((np.arange(facts.n_items), -born, facts.category))
    starts = np.searchsorted(facts.category[order], np.arange(int(facts.category.max(initial=-1)) + 2))
    found = np.full((len(fold), k), -1, np.int32)
    for row, profile in enumerate(fold.profiles):
        category = int(facts.category[profile.items[-1]]) if len(profile.items) else -1
        if category >= 0:
            shelf = order[starts[category] : starts[category + 1]]
            if fold.new_only:
                shelf = shelf[~np.isin(shelf, profile.items)]
            found[row, : len(shelf[:k])] = shelf[:k]
    return found

"""Pairs of products that visits look at and orders do not hold: likely substitutes. Pure."""

import numpy as np

from recsys.arrays import Bools
from recsys.data.counting_sort import order_by
from recsys.data.interactions import Interactions
from recsys.data.signals import PURCHASE, SIGNAL_NAMES
from recsys.sources.baskets import basket_item
from recsys.sources.matrix import Matrix, inverse_power, scaled_rows

VIEW_SIGNALS = [SIGNAL_NAMES.index(name) for name in ("view", "click", "engage")]


class ViewPairs:
    """The visits and orders of a shop.

    A pair is a substitute if the cosine similarity of its views in visits is more than `ratio` times that of its
    purchases in orders. `visits` is csr float32[n_visits, n_items] of viewed items that the shopper never bought:
    likely alternatives.
    """

    def __init__(self, interactions: Interactions, orders: Matrix, n_items: int, *, ratio: float) -> None:
        rows = np.isin(interactions.signals, VIEW_SIGNALS) & ~_is_of_bought_item(interactions)
        self.visits = basket_item(interactions.select(rows), n_items, purchases=False)
        self._looked, self._bought, self._ratio = _directions(self.visits), _directions(orders), ratio

    def substitutes(self, rows: slice) -> Matrix:
        """Return csr bool[len(rows), n_items]: which items are substitutes of the given ones."""
        looked = self._looked[rows]
        return (looked @ self._looked.T) > self._ratio * (self._bought[rows] @ self._bought.T)


def _is_of_bought_item(interactions: Interactions) -> Bools:
    """Return bool[n]: whether the row's shopper bought its item, before or after."""
    order = order_by(interactions.users, interactions.items)
    users, items = interactions.users[order], interactions.items[order]
    pairs = np.cumsum((np.diff(users, prepend=-1) != 0) | (np.diff(items, prepend=-1) != 0))
    is_bought = np.zeros(len(order) + 1, np.bool_)
    is_bought[pairs[interactions.signals[order] == PURCHASE]] = True
    result = np.empty(len(order), np.bool_)
    result[order] = is_bought[pairs]
    return result


def _directions(sets: Matrix) -> Matrix:
    """Return csr float32[n_items, n_sets] with unit rows; the product of two rows is their cosine similarity."""
    norms = inverse_power(np.asarray(sets.sum(axis=0)).ravel(), 0.5)
    return scaled_rows(sets.T.tocsr(), norms)

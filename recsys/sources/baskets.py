"""Orders and sessions as sets of items. Pure."""

import numpy as np
from scipy import sparse

from recsys.arrays import Bools
from recsys.data.counting_sort import order_by
from recsys.data.interactions import Interactions
from recsys.data.sessions import session_starts
from recsys.data.signals import SIGNAL_NAMES
from recsys.sources.matrix import Matrix
from recsys.sources.storage import Array

ORDER_SIGNALS = tuple(
    tuple(SIGNAL_NAMES.index(name) for name in names) for names in (("purchase",), ("cart", "checkout"), ("rating",))
)
"""Groups of signals that form orders; the first group that the data have is used."""
MAX_ITEMS = 100
"""Larger baskets (an office's order, a bot's session) say little about pairs of items."""


def basket_codes(interactions: Interactions) -> Array:
    """Return int64[n], the code of each row's order; rows without one get the code of their session."""
    order = order_by(interactions.users)  # a shopper's rows are sorted by time
    sessions = np.empty(len(order), np.int64)
    sessions[order] = np.cumsum(session_starts(interactions.users[order], interactions.times[order]))
    baskets = interactions.baskets.astype(np.int64)
    keys = np.where(baskets >= 0, baskets, baskets.max(initial=0) + sessions)
    is_used = np.zeros(int(keys.max(initial=-1)) + 1, np.bool_)
    is_used[keys] = True
    ranks = np.cumsum(is_used) - 1
    return np.asarray(ranks[keys])  # as np.unique, without sorting


def basket_item(interactions: Interactions, n_items: int, *, purchases: bool) -> Matrix:
    """Return csr float32[n_baskets, n_items] of ones; baskets over `MAX_ITEMS` items are left out.

    With `purchases`, only rows of orders are used; in data without purchases those of carts, or else of ratings.
    """
    codes = basket_codes(interactions)
    rows = order_rows(interactions) if purchases else np.ones(len(interactions), np.bool_)
    matrix = basket_matrix(codes[rows], interactions.items[rows], n_items)
    sizes = np.diff(matrix.indptr)
    return matrix[(sizes > 0) & (sizes <= MAX_ITEMS)]


def order_rows(interactions: Interactions) -> Bools:
    """Return bool[n]: which rows are lines of orders: purchases; without any, rows of carts, or else ratings."""
    rows = np.zeros(len(interactions), np.bool_)
    for signals in ORDER_SIGNALS:
        rows = np.isin(interactions.signals, signals)
        if rows.any():
            break
    return rows


def basket_matrix(codes: Array, items: Array, n_items: int) -> Matrix:
    """Return csr float32[max(codes) + 1, n_items]: 1 where the basket has the item."""
    cells = (np.ones(len(codes), np.float32), (codes, items))
    matrix = sparse.csr_matrix(cells, shape=(int(codes.max(initial=-1)) + 1, n_items))
    matrix.data[:] = 1
    return matrix

"""Orders and sessions as sets of items: what was taken together. Pure."""

import numpy as np
from scipy import sparse

from recsys.data.interactions import Interactions
from recsys.data.sessions import session_starts
from recsys.data.signals import SIGNAL_NAMES
from recsys.sources.matrix import Matrix
from recsys.sources.storage import Array

ORDER_SIGNALS = tuple(
    tuple(SIGNAL_NAMES.index(name) for name in names) for names in (("purchase",), ("cart", "checkout"), ("rating",))
)
"""Signals of what was taken, the surest first."""
MAX_ITEMS = 100


def basket_codes(interactions: Interactions) -> Array:
    """Return int64[n], a code per order or session; rows without one are cut into sessions at 30 minutes' silence."""
    order = np.lexsort((interactions.times, interactions.users))
    derived = np.empty(len(order), np.int64)
    derived[order] = np.cumsum(session_starts(interactions.users[order], interactions.times[order]))
    given = interactions.baskets.astype(np.int64)
    keys = np.where(given >= 0, given, given.max(initial=0) + derived)
    return np.unique(keys, return_inverse=True)[1]


def basket_item(interactions: Interactions, n_items: int, *, purchases: bool) -> Matrix:
    """Return csr float32[baskets, n_items] of ones.

    With `purchases`, of orders only; where there are none, of carts or, without these, of what was rated: what was only
    looked at together was not bought together.

    Baskets over `MAX_ITEMS` items (an office's order, a robot's session) say little about pairs and are left out.
    """
    codes = basket_codes(interactions)
    rows = np.ones(len(interactions), np.bool_)
    for signals in ORDER_SIGNALS if purchases else ():
        rows = np.isin(interactions.signals, signals)
        if rows.any():
            break
    matrix = basket_matrix(codes[rows], interactions.items[rows], n_items)
    sizes = np.diff(matrix.indptr)
    return matrix[(sizes > 0) & (sizes <= MAX_ITEMS)]


def basket_matrix(codes: Array, items: Array, n_items: int) -> Matrix:
    """Return csr float32[largest code + 1, n_items], 1 where the basket of that code holds the item."""
    cells = (np.ones(len(codes), np.float32), (codes, items))
    matrix = sparse.csr_matrix(cells, shape=(int(codes.max(initial=-1)) + 1, n_items))
    matrix.data[:] = 1
    return matrix

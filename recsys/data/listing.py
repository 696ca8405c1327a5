"""Which items could be shown at a moment, and which were new then."""

import numpy as np

from recsys.arrays import Bools
from recsys.data.catalog import Catalog
from recsys.data.interactions import DAY

NEW_DAYS = 30.0


def new_items(catalog: Catalog, *, until: float) -> Bools:
    """Return bool[n_items]: which items appeared in the last 30 days before the moment."""
    if catalog.first_seen is None:
        return np.zeros(catalog.n_items, bool)
    with np.errstate(invalid="ignore"):
        fresh: Bools = (catalog.first_seen >= until - NEW_DAYS * DAY) & (catalog.first_seen <= until)
    return fresh


def listed_at(catalog: Catalog, moment: float) -> Bools:
    """Return bool[n_items]: what could be shown at the moment.

    Not what appeared later or was taken out before, nor what is known only by what shoppers did: it is sold no more.
    """
    absent, told = catalog.later(moment), catalog.described()
    if catalog.gone is not None:
        absent = absent | (catalog.gone <= moment)
    if told.any():
        absent = absent | (~told if catalog.first_seen is None else ~told & np.isnan(catalog.first_seen))
    return ~absent

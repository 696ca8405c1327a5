"""Which items could be shown at a moment, and which were new then."""

import numpy as np

from recsys.arrays import Bools
from recsys.data.catalogue import Catalogue
from recsys.data.interactions import DAY

NEW_DAYS = 30.0


def new_items(catalogue: Catalogue, *, until: float) -> Bools:
    """Return bool[n_items]: which items appeared in the last 30 days before the moment."""
    if catalogue.first_seen is None:
        return np.zeros(catalogue.n_items, bool)
    with np.errstate(invalid="ignore"):
        fresh: Bools = (catalogue.first_seen >= until - NEW_DAYS * DAY) & (catalogue.first_seen <= until)
    return fresh


def listed_at(catalogue: Catalogue, moment: float) -> Bools:
    """Return bool[n_items]: what could be shown at the moment.

    Not what appeared later or was taken out before, nor what is known only by what shoppers did: it is sold no more.
    """
    absent, told = catalogue.later(moment), catalogue.described()
    if catalogue.gone is not None:
        absent = absent | (catalogue.gone <= moment)
    if told.any():
        absent = absent | (~told if catalogue.first_seen is None else ~told & np.isnan(catalogue.first_seen))
    return ~absent

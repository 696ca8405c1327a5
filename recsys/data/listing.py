"""Which items were on sale at a time, and which were new then."""

import numpy as np

from recsys.arrays import Bools
from recsys.data.catalog import Catalog
from recsys.data.interactions import DAY

NEW_DAYS = 30.0


def new_items(catalog: Catalog, *, until: float) -> Bools:
    """Return bool[n_items]: which items appeared in the 30 days before `until`."""
    if catalog.first_seen is None:
        return np.zeros(catalog.n_items, bool)
    with np.errstate(invalid="ignore"):
        fresh: Bools = (catalog.first_seen >= until - NEW_DAYS * DAY) & (catalog.first_seen <= until)
    return fresh


def listed_at(catalog: Catalog, moment: float) -> Bools:
    """Return bool[n_items]: which items were on sale at the moment.

    Items that appeared later or were removed before are not. Neither are items without any text or date in a catalog
    that has texts: only interactions know them, so they are no longer sold.
    """
    absent, has_text = catalog.appeared_after(moment), catalog.has_text()
    if catalog.removed_at is not None:
        absent = absent | (catalog.removed_at <= moment)
    if has_text.any():
        absent = absent | (~has_text if catalog.first_seen is None else ~has_text & np.isnan(catalog.first_seen))
    return ~absent

"""What the shopper knows: products of their history have a limited share of a list, and owned ones none."""

import math

from personalization.rules.filter_columns import Columns
from personalization.rules.slate import Cap
from personalization.serving.shoppers import Shopper
from recsys.arrays import Bools

ROUNDING = 9
"""Decimals to which a number of places counts: .7 of 10 places are 7, not 7.000000000000001."""


def discovery_cap(shopper: Shopper, columns: Columns, *, size: int, share: float) -> list[Cap]:
    """Return the cap on products the shopper knows, so that the `share` of `size` places is left to others.

    Known are all products of the history, whatever the shopper did with them, and their variants. The list is empty for
    a shopper without history.
    """
    if not shopper.latest:
        return []
    limit = size - math.ceil(round(share * size, ROUNDING))
    return [Cap(limit=limit, about=columns.variants_of(list(shopper.latest)))]


def without_owned(allowed: Bools, shopper: Shopper, repurchased: Bools) -> Bools:
    """Return the mask without products the shopper bought and people do not buy again.

    It is unchanged if nothing would be left.
    """
    bought = shopper.bought
    remaining = allowed.copy()
    remaining[bought[~repurchased[bought]]] = False
    return remaining if remaining.any() else allowed

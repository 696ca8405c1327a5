"""What the shopper knows: it has a limited share of a list. What they own, and nobody buys twice, has none."""

import math
from typing import Final

import numpy as np

from personalization.rules.filter_columns import Columns
from personalization.rules.slate import Cap
from personalization.serving.shoppers import Shopper
from recsys.arrays import Bools, Ints, Times
from recsys.data.interactions import DAY
from recsys.data.signals import PURCHASE

JUST_DAYS: Final = 14
"""What the shopper did something with in so many days, they just looked at."""
USED_UP: Final = 0.5
"""After this share of the usual time between two purchases, the shopper no longer has what they bought."""
ROUNDING: Final = 9
"""Decimals to which a number of places counts: .7 of 10 places are 7, not 7.000000000000001."""


def known_items(shopper: Shopper, repurchase_seconds: Times) -> Ints:
    """Return the codes of what the shopper just looked at, and of what they bought and still have.

    `repurchase_seconds` is the usual time between two purchases of each item; what nobody buys again (inf) is kept.
    """
    profile = shopper.profile
    age, is_bought = profile.now - profile.times, profile.signals == PURCHASE
    still_has = is_bought & (age < USED_UP * repurchase_seconds[profile.items])
    codes: Ints = profile.items[still_has | (~is_bought & (age < JUST_DAYS * DAY))]
    return codes


def discovery_cap(codes: Ints, columns: Columns, *, size: int, share: float) -> list[Cap]:
    """Return the cap on known items and their variants, so that the `share` of `size` places is left to others.

    The list is empty where nothing is known.
    """
    if not len(codes):
        return []
    limit = size - math.ceil(round(share * size, ROUNDING))
    return [Cap(limit=limit, about=columns.variants_of(codes))]


def without_owned(allowed: Bools, shopper: Shopper, repurchase_seconds: Times) -> Bools:
    """Return the mask without products the shopper bought and people do not buy again.

    It is unchanged if nothing would be left.
    """
    bought = shopper.bought
    remaining = allowed.copy()
    remaining[bought[np.isinf(repurchase_seconds[bought])]] = False
    return remaining if remaining.any() else allowed


def without_cart(allowed: Bools, shopper: Shopper) -> Bools:
    """Return the mask without what lies in the shopper's cart: they have chosen it. Unchanged if nothing is left."""
    remaining = allowed.copy()
    remaining[shopper.in_cart(days=JUST_DAYS)] = False
    return remaining if remaining.any() else allowed

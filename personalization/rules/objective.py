"""Objectives: the order of a list by relevance and by what its products are worth to the shop. Pure.

Relevance is 1 / place. The objective multiplies it, as a boost does, by a factor of each product: its value over the
usual one, to the power of the strength. So a list is worth more to the shop the higher the strength, never less.
"""

from typing import Final

import numpy as np

from personalization.rules.rule_set import TIE
from recsys.arrays import Bools, Doubles, Ints

CLICKS: Final = "clicks"
"""The objective without any factor: the order is that of the model."""
OBJECTIVES: Final = (CLICKS, "conversion", "revenue", "margin", "clearance")
MOST: Final = 4.0
"""The greatest factor; the least is 1 / MOST. One diamond shall not head every list."""


def factors_of(values: Doubles, among: Bools) -> Doubles:
    """Return float64[n_items]: each value over the median of those `among`, from 1 / MOST to MOST.

    An unknown value (NaN) counts as the usual one, so its factor is 1. Where the usual value is not above 0, all are 1.
    """
    offered = values[among & ~np.isnan(values)]
    usual = float(np.median(offered)) if len(offered) else 0.0
    if usual <= 0:
        return np.ones(len(values))
    factors: Doubles = np.where(np.isnan(values), 1.0, (values / usual).clip(1 / MOST, MOST))
    return factors


def by_objective(items: Ints, factors: Doubles, percent: int) -> Ints:
    """Return the items by place ÷ factor ^ strength; `percent` is the strength, 0 to 100. Ties keep their order."""
    places = np.arange(1, len(items) + 1) / factors[items] ** (percent / 100)
    reordered: Ints = items[np.argsort(places.round(TIE), kind="stable")]
    return reordered

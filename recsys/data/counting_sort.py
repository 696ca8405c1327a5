"""A stable sort by small codes in linear time: of shoppers and products, whose number is known. Pure."""

import numpy as np

from recsys.arrays import Ints, Longs
from recsys.compiled import compiled


def order_by(*codes: Ints) -> Longs:
    """Return int64[n]: the rows ordered by the first codes, ties by the next ones, then as they were.

    Codes are int[n], 0 or more, and hardly larger than n: memory grows with the largest one.
    """
    order = np.arange(len(codes[0]))
    for own in reversed(codes):
        order = _ordered(order, own, int(own.max(initial=-1)) + 1)
    return order


@compiled
def _ordered(order: Longs, codes: Ints, n_codes: int) -> Longs:
    places = np.zeros(n_codes + 1, np.int64)
    for code in codes:
        places[code + 1] += 1
    places = np.cumsum(places)
    result = np.empty(len(order), np.int64)
    for row in order:
        code = codes[row]
        result[places[code]] = row
        places[code] += 1
    return result

"""The columns of item statistics that features read, in types of their own, for compiled code."""

from typing import NamedTuple

from recsys.arrays import Doubles, Floats, Ints, Longs, Times

CATEGORICALS = ("category", "department", "brand", "group")


class ItemColumns(NamedTuple):
    """Columns over item codes.

    `codes` is int32[4, n_items], the codes of CATEGORICALS, -1 where missing, and `n_codes` how many of each there are.
    `prices` and `popular` are logarithms, `gap` is in seconds. Attributes are in compressed rows, with their rarity.
    """

    born: Times
    last: Times
    gap: Times
    codes: Ints
    n_codes: Longs
    prices: Doubles
    popular: Doubles
    attribute_starts: Longs
    attributes: Ints
    rarity: Floats
    table: Floats

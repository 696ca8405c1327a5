"""The products' attributes as columns, for filters. A column is built when a filter first names its attribute."""

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from common.attribute_filters import attribute_texts
from personalization.rules.filter_columns import folded
from recsys.arrays import Bools, Ints

Column = tuple[dict[str, int], Ints, Ints]
"""The number of each distinct value; and, for each product and value of it, the item code and the value's number."""


class AttributeColumns:
    """The attributes of all items by code; None for an item without a row. Values are compared without regard to case.

    Numbers are compared as JSON writes them, truth values as `true` and `false`. Names are compared exactly.
    """

    def __init__(self, attributes: Sequence[Mapping[str, Any] | None]) -> None:
        self._attributes = attributes
        self._columns: dict[str, Column] = {}

    def mask(self, name: str, values: Iterable[str]) -> Bools:
        """Return the mask of items that have one of the values; none for an unknown name."""
        matched = np.zeros(len(self._attributes), np.bool_)
        if name not in self._names:
            return matched
        numbers, codes, value_of = self._column(name)
        value_numbers = [numbers[value] for value in folded(values) if value in numbers]
        matched[codes[np.isin(value_of, value_numbers)]] = True
        return matched

    @cached_property
    def _names(self) -> frozenset[str]:
        return frozenset(name for own in self._attributes if own for name in own)

    def _column(self, name: str) -> Column:
        column = self._columns.get(name)
        if column is None:
            numbers: dict[str, int] = {}
            pairs = [
                (code, numbers.setdefault(value, len(numbers)))
                for code, own in enumerate(self._attributes)
                if own
                for value in folded(attribute_texts(own.get(name)))
            ]
            codes, value_of = np.array(pairs, np.int32).reshape(-1, 2).T
            column = self._columns[name] = numbers, codes, value_of
        return column

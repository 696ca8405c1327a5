"""How what is known of a shopper is named: "key=value" strings, by one code for training and for requests. Pure."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

LONGEST = 60
"""Longer texts are free text, not a kind of shopper."""
MOST_VALUES = 5
"""How many values of a list count."""
SMALL = 10
"""Whole numbers below are kinds of their own (a household of 2); others fall into bands."""


def named(attributes: Mapping[str, Any], keys: Iterable[str]) -> tuple[str, ...]:
    """Return the given keys' values as sorted, distinct "key=value" strings; what is no short value is left out.

    Texts lose case and outer blanks. Numbers from 10 on become a band of their first digit: 34 is `30-39`, 52000 is
    `50000-59999`. Of a list each value counts.
    """
    found = {
        f"{' '.join(key.split())}={value}"
        for key in keys
        for one in _many(attributes.get(key))
        if (value := _value(one)) is not None
    }
    return tuple(sorted(found))


def _many(value: Any) -> list[Any]:
    if isinstance(value, np.ndarray):  # as Parquet files hold lists
        value = value.tolist()
    return list(value)[:MOST_VALUES] if isinstance(value, list | tuple) else [value]


def _value(value: Any) -> str | None:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return _band(value)
    if not isinstance(value, str):
        return None
    text = " ".join(value.casefold().split())
    return text if 0 < len(text) <= LONGEST else None


def _band(number: float) -> str | None:
    if not 0 <= number < 1e12:  # also what is not a number
        return None
    whole = int(number)
    if whole < SMALL:
        return str(whole)
    width = 10 ** (len(str(whole)) - 1)
    low = whole // width * width
    return f"{low}-{low + width - 1}"

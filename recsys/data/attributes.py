"""Attributes of a shopper as "key=value" strings; training and requests use the same code. Pure."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

MAX_TEXT_LENGTH = 60
"""Longer texts are free text, not a category of shoppers."""
MAX_VALUES = 5
"""Number of values of a list that are used."""
FIRST_BAND = 10
"""Smaller whole numbers stay as they are (a household of 2); larger ones are put into bands."""


def attribute_strings(attributes: Mapping[str, Any], keys: Iterable[str]) -> tuple[str, ...]:
    """Return sorted, distinct "key=value" strings of the given keys; values that are not short are left out.

    Texts are case-folded and stripped. Numbers from 10 on become a band of their first digit: 34 is `30-39`, 52000 is
    `50000-59999`. Each value of a list gives a string.
    """
    strings = {
        f"{' '.join(key.split())}={text}"
        for key in keys
        for value in _as_list(attributes.get(key))
        if (text := _as_text(value)) is not None
    }
    return tuple(sorted(strings))


def _as_list(value: Any) -> list[Any]:
    if isinstance(value, np.ndarray):  # Parquet files hold lists as arrays
        value = value.tolist()
    return list(value)[:MAX_VALUES] if isinstance(value, list | tuple) else [value]


def _as_text(value: Any) -> str | None:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return _band(value)
    if not isinstance(value, str):
        return None
    text = " ".join(value.casefold().split())
    return text if 0 < len(text) <= MAX_TEXT_LENGTH else None


def _band(number: float) -> str | None:
    if not 0 <= number < 1e12:  # also NaN
        return None
    whole = int(number)
    if whole < FIRST_BAND:
        return str(whole)
    width = 10 ** (len(str(whole)) - 1)
    low = whole // width * width
    return f"{low}-{low + width - 1}"

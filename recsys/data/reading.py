"""How columns of any shop's file are read: ids as text, times as seconds, events by our names, finite numbers."""

from typing import Any

import numpy as np
import pandas as pd

from recsys.data.signals import SIGNAL_NAMES

LATEST = 1e11
"""Seconds end here, in the year 5138: a file whose times lie mostly beyond counts in milliseconds or less."""
IN_DIGITS = {"%Y%m%d": 1, "%Y%m%d%H%M": 10_000, "%Y%m%d%H%M%S": 1_000_000}
"""How moments are written as one number, and how many times as large as days it is."""
DAYS_IN_DIGITS, LAST_MONTH = (19_000_101, 21_010_101), 12
LARGEST = 2.0**63
"""Numbers as large are no 64-bit integers."""
TIME_OF_DAY = r"\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?(?:\s*[+-]\d{2}(?::?\d{2})?)?"
OTHER_NAMES = {
    "pv": "view",
    "buy": "purchase",
    "order": "purchase",
    "transaction": "purchase",
    "addtocart": "cart",
    "add_to_cart": "cart",
    "fav": "wishlist",
    "favorite": "wishlist",
    "review": "rating",
}
"""What files of other shops call events that we know, in small letters."""


def finite(column: pd.Series) -> pd.Series:
    """Return numbers, NaN for what is none and for those that are infinite in the precision they are learnt from."""
    numbers = pd.to_numeric(column, errors="coerce").astype(np.float64)
    with np.errstate(over="ignore"):
        return numbers.where(np.isfinite(numbers.astype(np.float32)))


def id_texts(column: pd.Series) -> pd.Series:
    """Return ids as text; whole numbers that a gap in their column turned into floats lose their ".0".

    Infinite ones name nobody: "".
    """
    if column.dtype == object and column.map(lambda one: isinstance(one, bytes)).any():
        column = column.map(_decoded)
    if not pd.api.types.is_float_dtype(column):
        return column.astype(str)
    numbers = column.to_numpy(np.float64, na_value=np.nan)
    known = numbers[np.isfinite(numbers)]
    if (known % 1 == 0).all() and (np.abs(known) < LARGEST).all():
        column = pd.Series(np.where(np.isfinite(numbers), numbers, np.nan), column.index).astype("Int64")
    return column.astype(str).mask(np.isinf(numbers), "")


def _decoded(value: Any) -> Any:
    """Return bytes as text, and what is no UTF-8 in its hexadecimal digits."""
    if not isinstance(value, bytes):
        return value
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.hex()


def as_in_file(ids: pd.Series, column: pd.Series, other: pd.Series | None = None) -> pd.Series:
    """Return ids that `id_texts` wrote as the column holds them: numbers of its type, decimals, days, bytes.

    Else who joins answers with their own file finds nobody. Text stays where an id is nothing of that kind: products of
    the `other` file may be called otherwise.
    """
    if not len(ids):
        return column.iloc[:0]
    if column.dtype == object:
        # The later of two counts: a product that both files name is written as the interactions write it.
        known = pd.concat([one.drop_duplicates() for one in (other, column) if one is not None]).dropna()
        kept = dict(zip(id_texts(known), known, strict=True))
        kinds = {type(kept.get(one)) for one in ids.unique()}
        return ids if len(kinds) > 1 or kinds & {str, type(None)} else ids.map(kept)
    dtype = getattr(column.dtype, "categories", column).dtype
    if pd.api.types.is_bool_dtype(dtype) or not pd.api.types.is_numeric_dtype(dtype):
        return ids
    read = float if pd.api.types.is_float_dtype(dtype) else int
    try:
        return pd.Series([read(one) for one in ids], ids.index, dtype=dtype)
    except (ValueError, OverflowError):
        return ids


def seconds(column: pd.Series) -> "pd.Series[float]":
    """Return times as seconds since 1970, NaN where there is none.

    Dates and their texts are read as such (UTC where they name no zone), each row in its own shape; whether the day or
    the month comes first is one decision for the column. Numbers are seconds, unless the middle one is too large for
    that: then they are milliseconds, microseconds or nanoseconds, whichever fits; or moments written as 20250131,
    202501312359 or 20250131235959, where all are such. Infinite ones, which some databases write for "for ever", and
    texts that name no day are no times.
    """
    if pd.api.types.is_datetime64_any_dtype(column):
        return _since_1970(pd.to_datetime(column, utc=True))
    index, column = column.index, column.reset_index(drop=True)  # rows of a file may share a label
    numbers = pd.to_numeric(column, errors="coerce").astype(np.float64)
    found = _scaled(numbers.where(np.isfinite(numbers)))
    texts = column[numbers.isna() & column.notna()].astype(str)
    # Of "now" and "10:30" pandas would make a moment of the day on which it is asked.
    texts = texts[texts.str.contains(r"\d", regex=True)]
    dates = pd.to_datetime(texts, utc=True, errors="coerce", format="ISO8601")
    rest = texts[dates.isna()]
    rest = rest[rest.str.replace(TIME_OF_DAY, "", regex=True).str.contains(r"\d", regex=True)]
    if rest.size:
        day_first = _day_first(rest)
        dates[rest.index] = pd.to_datetime(rest, utc=True, errors="coerce", format="mixed", dayfirst=day_first)
    found[texts.index] = _since_1970(dates)
    return found.set_axis(index)


def _since_1970(dates: "pd.Series[pd.Timestamp]") -> "pd.Series[float]":
    # In units of seconds: nanoseconds end in the year 2262, and 9999-12-31 is what some systems write for "not yet".
    return (dates - pd.Timestamp(0, unit="s", tz="UTC").as_unit("s")) / pd.Timedelta(seconds=1)


def _scaled(numbers: "pd.Series[float]") -> "pd.Series[float]":
    known = numbers.dropna()
    for shape, times in IN_DIGITS.items():
        first, last = (edge * times for edge in DAYS_IN_DIGITS)
        if len(known) and known.between(first, last).all() and (known % 1 == 0).all():
            moments = pd.to_datetime(numbers.astype("Int64").astype(str), utc=True, errors="coerce", format=shape)
            if moments.notna().sum() == len(known):
                return _since_1970(moments)
    middle = numbers.median()
    while middle > LATEST:
        numbers, middle = numbers / 1_000, middle / 1_000
    return numbers


def _day_first(texts: "pd.Series[str]") -> bool:
    """Return whether dates like 03.02.2025 begin with the day: a number above 12 tells or, else, the shorter span.

    A shop that wrote the 1st to the 12th of a month does not look like one that wrote twelve months, a day of each.
    """
    parts = texts.str.extract(r"^\s*(\d{1,2})[./-](\d{1,2})[./-]\d{2,4}").dropna().astype(int)
    if not len(parts):
        return False
    first, second = int(parts[0].max()), int(parts[1].max())
    if (first > LAST_MONTH) != (second > LAST_MONTH):
        return first > LAST_MONTH
    spans = []
    for day_first in (False, True):
        dates = pd.to_datetime(texts, utc=True, errors="coerce", format="mixed", dayfirst=day_first)
        spans.append(dates.max() - dates.min())
    return bool(spans[1] < spans[0])


def unknown_events(column: pd.Series) -> dict[str, int]:
    """Return the names of events that nobody knows, with how many rows have them, the most frequent first."""
    codes, known = event_names(column)
    counts = np.bincount(codes[codes >= 0], minlength=len(known))
    found = sorted(zip(known, counts.tolist(), strict=True), key=lambda one: -one[1])
    return {name: rows for name, rows in found if name not in SIGNAL_NAMES}


def event_names(column: pd.Series) -> tuple["np.ndarray[Any, np.dtype[np.intp]]", list[str]]:
    """Return a code for each row, -1 where there is no name, and the names: ours, where we know them."""
    codes, names = pd.factorize(column, use_na_sentinel=True)
    lower = [str(_decoded(name)).strip().lower() for name in names]
    return codes, [OTHER_NAMES.get(name, name) for name in lower]

"""Normalizes columns of a shop's files: ids to text, times to seconds, event names to ours, numbers to finite ones."""

from typing import Any

import numpy as np
import pandas as pd

from recsys.data.signals import SIGNAL_NAMES

MAX_SECONDS = 1e11
"""Larger numbers than this (the year 5138) are not seconds but milliseconds or a smaller unit."""
NUMERIC_DATES = {"%Y%m%d": 1, "%Y%m%d%H%M": 10_000, "%Y%m%d%H%M%S": 1_000_000}
"""Formats of dates written as one number, and their ratio to the number of a day."""
NUMERIC_DATE_RANGE, LAST_MONTH = (19_000_101, 21_010_101), 12
INT64_END = 2.0**63
"""Numbers from here on do not fit 64-bit integers."""
TIME_OF_DAY = r"\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?(?:\s*[+-]\d{2}(?::?\d{2})?)?"
EVENT_ALIASES = {
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
"""Lower-case event names of other shops, and our names."""


def finite_numbers(column: pd.Series) -> pd.Series:
    """Return float64 numbers; NaN for other values, and for numbers that are infinite as float32."""
    numbers = pd.to_numeric(column, errors="coerce").astype(np.float64)
    with np.errstate(over="ignore"):
        return numbers.where(np.isfinite(numbers.astype(np.float32)))


def id_texts(column: pd.Series) -> pd.Series:
    """Return ids as text; integers that missing values turned into floats lose their ".0", infinity becomes ""."""
    if column.dtype == object and column.map(lambda one: isinstance(one, bytes)).any():
        column = column.map(_decoded)
    if not pd.api.types.is_float_dtype(column):
        return column.astype(str)
    numbers = column.to_numpy(np.float64, na_value=np.nan)
    present = numbers[np.isfinite(numbers)]
    if (present % 1 == 0).all() and (np.abs(present) < INT64_END).all():
        column = pd.Series(np.where(np.isfinite(numbers), numbers, np.nan), column.index).astype("Int64")
    return column.astype(str).mask(np.isinf(numbers), "")


def _decoded(value: Any) -> Any:
    """Return bytes decoded as UTF-8, or as hexadecimal digits if they are not UTF-8; other values unchanged."""
    if not isinstance(value, bytes):
        return value
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.hex()


def restore_ids(ids: pd.Series, column: pd.Series, other: pd.Series | None = None) -> pd.Series:
    """Return texts of `id_texts` in the type of the column: numbers, decimals, dates, bytes.

    Without this, answers could not be joined with the files. Ids stay text if one of them does not fit the type, as
    products that only the `other` file has may.
    """
    if not len(ids):
        return column.iloc[:0]
    if column.dtype == object:
        # If both files have a product, it is written as in the interactions, which come last.
        originals = pd.concat([part.drop_duplicates() for part in (other, column) if part is not None]).dropna()
        by_text = dict(zip(id_texts(originals), originals, strict=True))
        types = {type(by_text.get(text)) for text in ids.unique()}
        return ids if len(types) > 1 or types & {str, type(None)} else ids.map(by_text)
    dtype = getattr(column.dtype, "categories", column).dtype
    if pd.api.types.is_bool_dtype(dtype) or not pd.api.types.is_numeric_dtype(dtype):
        return ids
    read = float if pd.api.types.is_float_dtype(dtype) else int
    try:
        return pd.Series([read(one) for one in ids], ids.index, dtype=dtype)
    except (ValueError, OverflowError):
        return ids


def to_seconds(column: pd.Series) -> "pd.Series[float]":
    """Return times as seconds since 1970 (UTC), NaN if a value is not a time.

    Dates and texts are parsed row by row, as UTC without a zone; whether day or month comes first is decided for the
    whole column. Numbers are seconds. If their median is too large, they are milliseconds, microseconds or nanoseconds,
    or, if all have that form, dates such as 20250131, 202501312359 or 20250131235959. Infinite numbers, which some
    databases write for "forever", and texts without a day are not times.
    """
    if pd.api.types.is_datetime64_any_dtype(column):
        return _since_1970(pd.to_datetime(column, utc=True))
    index, column = column.index, column.reset_index(drop=True)  # index labels may repeat
    numbers = pd.to_numeric(column, errors="coerce").astype(np.float64)
    result = _scaled(numbers.where(np.isfinite(numbers)))
    texts = column[numbers.isna() & column.notna()].astype(str)
    # pandas would read "now" and "10:30" as times of today.
    texts = texts[texts.str.contains(r"\d", regex=True)]
    dates = pd.to_datetime(texts, utc=True, errors="coerce", format="ISO8601")
    rest = texts[dates.isna()]
    rest = rest[rest.str.replace(TIME_OF_DAY, "", regex=True).str.contains(r"\d", regex=True)]
    if rest.size:
        day_first = _day_first(rest)
        dates[rest.index] = pd.to_datetime(rest, utc=True, errors="coerce", format="mixed", dayfirst=day_first)
    result[texts.index] = _since_1970(dates)
    return result.set_axis(index)


def _since_1970(dates: "pd.Series[pd.Timestamp]") -> "pd.Series[float]":
    # In seconds, since nanoseconds end in the year 2262 and some systems write 9999-12-31 for "not yet".
    return (dates - pd.Timestamp(0, unit="s", tz="UTC").as_unit("s")) / pd.Timedelta(seconds=1)


def _scaled(numbers: "pd.Series[float]") -> "pd.Series[float]":
    present = numbers.dropna()
    for date_format, ratio in NUMERIC_DATES.items():
        first, last = (end * ratio for end in NUMERIC_DATE_RANGE)
        if len(present) and present.between(first, last).all() and (present % 1 == 0).all():
            dates = pd.to_datetime(numbers.astype("Int64").astype(str), utc=True, errors="coerce", format=date_format)
            if dates.notna().sum() == len(present):
                return _since_1970(dates)
    median = numbers.median()
    while median > MAX_SECONDS:
        numbers, median = numbers / 1_000, median / 1_000
    return numbers


def _day_first(texts: "pd.Series[str]") -> bool:
    """Return whether dates like 03.02.2025 start with the day: a number above 12 decides, else the shorter time span.

    The 1st to the 12th of one month is likelier than one day in each of twelve months.
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
    """Return the unknown event names and their number of rows, most frequent first."""
    codes, names = event_names(column)
    counts = np.bincount(codes[codes >= 0], minlength=len(names))
    by_count = sorted(zip(names, counts.tolist(), strict=True), key=lambda pair: -pair[1])
    return {name: rows for name, rows in by_count if name not in SIGNAL_NAMES}


def event_names(column: pd.Series) -> tuple["np.ndarray[Any, np.dtype[np.intp]]", list[str]]:
    """Return int64[n], the code of each row's event or -1 without one, and the names by code; aliases become ours."""
    codes, names = pd.factorize(column, use_na_sentinel=True)
    lower = [str(_decoded(name)).strip().lower() for name in names]
    return codes, [EVENT_ALIASES.get(name, name) for name in lower]

"""Warnings about a shop's files: columns that cannot be read, or probably mean something else. Pure."""

from collections.abc import Callable, Hashable
from unicodedata import normalize

import numpy as np
import pandas as pd
from pandas.api.types import infer_dtype

from recsys.data.dataset import Dataset
from recsys.data.folds import Protocol
from recsys.data.reading import id_texts, to_seconds, unknown_events
from recsys.data.signals import SIGNAL_NAMES

EARLIEST_SECONDS = 1e8
"""Seconds since 1970; the year 1973, before any shop's first row."""
STAR_COLUMNS = ("value", "rating", "stars")
TIME_WORDS = ("time", "date")
"""Words in the names of columns that probably hold times."""
DATE_TYPES = ("datetime64", "datetime", "date")
"""Results of pandas' `infer_dtype` for columns of dates."""
YEAR_SECONDS = 365.25 * 86_400
MAX_YEARS = 60
"""No shop's history is longer."""
MAX_NAMES = 5
"""Number of unknown event names in a warning."""


def lacks_times(interactions: pd.DataFrame) -> bool:
    """Return whether rows have no times, or all the same. Raises ValueError if another column seems to hold them."""
    if "timestamp" not in interactions:
        if other := [name for name in interactions if _looks_like_times(interactions, name)]:
            raise ValueError(
                f"missing column: timestamp (is it {' or '.join(map(str, other))}? Rename it or, "
                "where it holds no times, leave it out)"
            )
        return True
    try:
        return len(interactions) > 1 and interactions["timestamp"].nunique() < 2
    except TypeError as error:
        raise ValueError("timestamp: numbers (seconds) or dates, not lists") from error


def _looks_like_times(interactions: pd.DataFrame, name: Hashable) -> bool:
    """Return whether a column is named like times, or holds dates."""
    return any(word in str(name).lower() for word in TIME_WORDS) or infer_dtype(interactions[name]) in DATE_TYPES


def row_order_warnings(interactions: pd.DataFrame, *, protocol: Protocol) -> list[str]:
    """Return warnings for rows without times, whose order is used instead."""
    why = "No two rows differ in time" if "timestamp" in interactions else "There is no column timestamp"
    lines = [f"{why}: the file's order is taken for it, a second from row to row."]
    if protocol != "leave-one-out" and _is_grouped_by_shopper(interactions):
        lines.append(
            "The rows are in the order of user_id: hardly any shopper has some before and some after a cut. "
            "Shuffle them, or ask about each shopper's last row: --protocol leave-one-out"
        )
    return lines


def _is_grouped_by_shopper(interactions: pd.DataFrame) -> bool:
    """Return whether the rows of each shopper are consecutive, with more than one shopper."""
    if "user_id" not in interactions:
        return False
    users = interactions["user_id"].astype(str)
    return bool(1 < users.nunique() == (users != users.shift()).sum() < len(users))


def input_warnings(
    dataset: Dataset,
    interactions: pd.DataFrame,
    items: pd.DataFrame | None,
    shoppers: pd.DataFrame | None,
    *,
    timed: bool = True,
) -> list[str]:
    """Return warnings about parts of the files that cannot be read, or probably mean something else."""
    lines = []
    if timed and len(dataset.clock) and dataset.clock[-1] < EARLIEST_SECONDS:
        lines.append(
            "All times are before 1973: numbers are seconds since 1970. Are these days, or years? Write dates."
        )
    if len(dataset.clock) and (years := (dataset.clock[-1] - dataset.clock[0]) / YEAR_SECONDS) > MAX_YEARS:
        lines.append(f"The times lie {years:,.0f} years apart: are some in milliseconds, others in seconds?")
    no_ratings = "value" not in interactions or "event" not in interactions
    if no_ratings and (stars := [name for name in STAR_COLUMNS if _has_variation(interactions.get(name))]):
        without = "without a column event all rows are purchases. " if "event" not in interactions else ""
        lines.append(f"{stars[0]} is no rating: {without}Stars are rows whose event is rating, in the column value.")
    lines += [f"{line} Names are {', '.join(SIGNAL_NAMES)}." for line in _event_warnings(interactions)]
    listed = pd.DataFrame() if items is None else items
    numbers = [interactions.get(name) for name in ("value", "quantity", "price")] + [listed.get("price")]
    for column in numbers:
        if _is_unreadable(column, lambda values: pd.to_numeric(values, errors="coerce")):
            lines.append(f"{column.name} is not read: it holds no number, such as 12.99.")
    not_read = {"timestamp": len(interactions) and not len(dataset.clock)}
    not_read["first_seen"] = _is_unreadable(listed.get("first_seen"), to_seconds)
    lines += [f"{name} is not read: it holds no date and no number of seconds." for name in not_read if not_read[name]]
    for name in ("user_id", "item_id"):
        lines += _spelling_warnings(
            name, *(table.get(name) for table in (interactions, items, shoppers) if table is not None)
        )
    product_ids = {dataset.catalog.item_ids[code] for code in np.unique(dataset.interactions.items).tolist()}
    if not product_ids:
        return lines  # the report of cleaning gives the reason
    if items is not None and product_ids.isdisjoint(id_texts(items["item_id"].dropna())):
        lines.append("No interaction is of a product of items.parquet: do both call products by the same ids?")
    if shoppers is not None and set(dataset.user_ids).isdisjoint(id_texts(shoppers["user_id"].dropna())):
        lines.append("No shopper of the interactions is in shoppers.parquet: do both call shoppers by the same ids?")
    return lines


def _spelling_warnings(name: str, *columns: pd.Series | None) -> list[str]:
    """Return warnings about ids that differ only in blanks around them or in their Unicode form.

    They are not merged: only the shop knows which one it means.
    """
    ids = {one for column in columns if column is not None for one in id_texts(column.dropna()).unique().tolist()}
    spelled: dict[str, list[str]] = {}
    for one in ids:
        plain = normalize("NFC", one.strip())
        if plain and plain != one:
            spelled.setdefault(plain, [plain] if plain in ids else []).append(one)
    ways = sorted(sorted(own) for own in spelled.values() if len(own) > 1)
    if not ways:
        return []
    examples = " and ".join(ascii(one) for one in ways[0][:2])
    return [
        f"{len(ways):,} of {name} are spelled in several ways, such as {examples}, with blanks around them or in other "
        "forms of Unicode: each way counts as another one."
    ]


def _event_warnings(interactions: pd.DataFrame) -> list[str]:
    """Return warnings about events with unknown names."""
    if "event" not in interactions or not len(interactions):
        return []
    names = unknown_events(interactions["event"])
    rows = sum(names.values())
    if rows + interactions["event"].isna().sum() == len(interactions):
        return ["No event has a name that is known: all count as a view."]
    examples = ", ".join([*list(names)[:MAX_NAMES], *(["…"] if len(names) > MAX_NAMES else [])])
    return [f"{rows:,} rows are events that nobody knows ({examples}): they count as a view."] if names else []


def _is_unreadable(column: pd.Series | None, read: Callable[[pd.Series], pd.Series]) -> bool:
    """Return whether the column has values, and `read` turns all of them into missing ones."""
    if column is None or not (values := column.dropna()).size:
        return False
    try:
        return not read(values).notna().any()
    except TypeError:  # lists
        return True


def _has_variation(column: pd.Series | None) -> bool:
    """Return whether the column exists and has at least two different numbers."""
    return column is not None and pd.to_numeric(column, errors="coerce").nunique() > 1

"""What of a shop's files tells nothing, or something else than was meant, though it is there: said in lines. Pure."""

from collections.abc import Callable, Hashable
from unicodedata import normalize

import numpy as np
import pandas as pd
from pandas.api.types import infer_dtype

from recsys.data.dataset import Dataset
from recsys.data.folds import Protocol
from recsys.data.reading import id_texts, seconds, unknown_events
from recsys.data.signals import SIGNAL_NAMES

EARLY = 1e8
"""Seconds: 1973, before any shop's first row."""
STARS = ("value", "rating", "stars")
TIMES = ("time", "date")
"""In the name of a column that holds times, and is not called timestamp."""
MOMENTS = ("datetime64", "datetime", "date")
"""What a column of moments is of, as pandas says."""
YEAR = 365.25 * 86_400
LONGEST = 60
"""Years; no shop's history is longer."""
NAMED = 5


def untimed(interactions: pd.DataFrame) -> bool:
    """Return whether rows have no times, or all the same. Raises ValueError where another column holds them."""
    if "timestamp" not in interactions:
        if other := [name for name in interactions if _tells_times(interactions, name)]:
            raise ValueError(
                f"missing column: timestamp (is it {' or '.join(map(str, other))}? Rename it or, "
                "where it holds no times, leave it out)"
            )
        return True
    try:
        return len(interactions) > 1 and interactions["timestamp"].nunique() < 2
    except TypeError as error:
        raise ValueError("timestamp: numbers (seconds) or dates, not lists") from error


def _tells_times(interactions: pd.DataFrame, name: Hashable) -> bool:
    """Return whether a column is named as times are, or holds moments."""
    return any(word in str(name).lower() for word in TIMES) or infer_dtype(interactions[name]) in MOMENTS


def order_for_time(interactions: pd.DataFrame, *, protocol: Protocol) -> list[str]:
    """Return what is to be said of rows without times: their order stands for these."""
    why = "No two rows differ in time" if "timestamp" in interactions else "There is no column timestamp"
    lines = [f"{why}: the file's order is taken for it, a second from row to row."]
    if protocol != "leave-one-out" and _by_shopper(interactions):
        lines.append(
            "The rows are in the order of user_id: hardly any shopper has some before and some after a cut. "
            "Shuffle them, or ask about each shopper's last row: --protocol leave-one-out"
        )
    return lines


def _by_shopper(interactions: pd.DataFrame) -> bool:
    """Return whether the rows of each of several shoppers stand together."""
    if "user_id" not in interactions:
        return False
    users = interactions["user_id"].astype(str)
    return bool(1 < users.nunique() == (users != users.shift()).sum() < len(users))


def unusable(
    dataset: Dataset,
    interactions: pd.DataFrame,
    items: pd.DataFrame | None,
    shoppers: pd.DataFrame | None,
    *,
    timed: bool = True,
) -> list[str]:
    """Return what of the files tells nothing, or something else than was meant, though it is there."""
    lines = []
    if timed and len(dataset.clock) and dataset.clock[-1] < EARLY:
        lines.append(
            "All times are before 1973: numbers are seconds since 1970. Are these days, or years? Write dates."
        )
    if len(dataset.clock) and (years := (dataset.clock[-1] - dataset.clock[0]) / YEAR) > LONGEST:
        lines.append(f"The times lie {years:,.0f} years apart: are some in milliseconds, others in seconds?")
    unread = "value" not in interactions or "event" not in interactions
    if unread and (stars := [name for name in STARS if _differ(interactions.get(name))]):
        without = "without a column event all rows are purchases. " if "event" not in interactions else ""
        lines.append(f"{stars[0]} is no rating: {without}Stars are rows whose event is rating, in the column value.")
    lines += [f"{line} Names are {', '.join(SIGNAL_NAMES)}." for line in _strange(interactions)]
    listed = pd.DataFrame() if items is None else items
    numbers = [interactions.get(name) for name in ("value", "quantity", "price")] + [listed.get("price")]
    for column in numbers:
        if _unread(column, lambda given: pd.to_numeric(given, errors="coerce")):
            lines.append(f"{column.name} is not read: it holds no number, such as 12.99.")
    not_read = {"timestamp": len(interactions) and not len(dataset.clock)}
    not_read["first_seen"] = _unread(listed.get("first_seen"), seconds)
    lines += [f"{name} is not read: it holds no date and no number of seconds." for name in not_read if not_read[name]]
    for name in ("user_id", "item_id"):
        lines += _nearly_alike(
            name, *(table.get(name) for table in (interactions, items, shoppers) if table is not None)
        )
    touched = {dataset.catalog.item_ids[code] for code in np.unique(dataset.interactions.items).tolist()}
    if not touched:
        return lines  # cleaning says why
    if items is not None and touched.isdisjoint(id_texts(items["item_id"].dropna())):
        lines.append("No interaction is of a product of items.parquet: do both call products by the same ids?")
    if shoppers is not None and set(dataset.user_ids).isdisjoint(id_texts(shoppers["user_id"].dropna())):
        lines.append("No shopper of the interactions is in shoppers.parquet: do both call shoppers by the same ids?")
    return lines


def _nearly_alike(name: str, *columns: pd.Series | None) -> list[str]:
    """Return what is to be said of ids that look the same and are not: blanks around them, or another form of Unicode.

    They are not merged: which of them the shop means, it alone knows.
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
    told = " and ".join(ascii(one) for one in ways[0][:2])
    return [
        f"{len(ways):,} of {name} are spelled in several ways, such as {told}, with blanks around them or in other "
        "forms of Unicode: each way counts as another one."
    ]


def _strange(interactions: pd.DataFrame) -> list[str]:
    """Return what is to be said of events with names that nobody knows."""
    if "event" not in interactions or not len(interactions):
        return []
    names = unknown_events(interactions["event"])
    rows = sum(names.values())
    if rows + interactions["event"].isna().sum() == len(interactions):
        return ["No event has a name that is known: all count as a view."]
    told = ", ".join([*list(names)[:NAMED], *(["…"] if len(names) > NAMED else [])])
    return [f"{rows:,} rows are events that nobody knows ({told}): they count as a view."] if names else []


def _unread(column: pd.Series | None, read: Callable[[pd.Series], pd.Series]) -> bool:
    """Return whether there is such a column and nothing in it can be read."""
    if column is None or not (given := column.dropna()).size:
        return False
    try:
        return not read(given).notna().any()
    except TypeError:  # lists
        return True


def _differ(column: pd.Series | None) -> bool:
    """Return whether there is such a column, of numbers that are not all the same."""
    return column is not None and pd.to_numeric(column, errors="coerce").nunique() > 1

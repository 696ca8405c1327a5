"""Removes rows before training: duplicates, impossible values, bots. Each rule reports how many rows it removed."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from recsys.arrays import Bools, Longs
from recsys.data.reading import (
    event_names,
    finite_numbers,
    id_texts,
    to_seconds,
)
from recsys.data.sessions import session_starts
from recsys.data.signals import SAME_ORDER_SECONDS, SIGNAL_NAMES

REQUIRED_COLUMNS = ("user_id", "item_id", "timestamp")
MAX_STARS = 100.0
BOT_EVENTS_PER_MINUTE = 200
"""More events of one shopper within a minute are a bot's."""
BOT_EVENTS_PER_DAY = 5_000
"""More events of one shopper within a day are a bot's."""
MAX_FAST_SHARE = 0.1
"""A shopper with a larger share of too fast sessions is a bot as a whole."""
BOTS = "bots"
SPEED_RULES = ("sessions", "machines")
"""The rules that need real times."""
COARSE_CLOCK_SECONDS = 3_600.0
"""If all times of a file differ by multiples of an hour, minutes are unknown."""
BATCHED_EVENTS = ("checkout", "purchase", "rating")
"""Events that shoppers may send many of at once; they do not count as fast browsing."""
OUTLIER_SHARE, OUTLIER_SECONDS = 0.01, 3_652 * 86_400.0
"""The share of rows on either side that may be outliers in time, and the distance in seconds from the others."""
EVENT_OF_RATING_WITHOUT_STARS = "engage"
"""The event that replaces a rating without stars: the shopper looked closely, but the opinion is unknown."""
IMPUTATION = {
    "event": "none, and names that nobody knows, count as a view; those of other shops, as buy, become ours",
    "value": "missing, infinite or no number becomes 1.0, which says nothing about liking; a rating without stars is no"
    " rating",
    "order_id": "missing stays unknown: the row belongs to no basket",
    "price": "missing stays unknown, so do infinite and negative ones: trees send it their own way, the network takes"
    " the middle",
    "category": "missing stays unknown: affinity features are unknown for the item",
    "first_seen": "missing becomes the time of the first interaction; so does a day that interactions contradict, and"
    " those of a catalog brought here after its interactions count as missing",
}
"""How missing values are imputed, by column. The report has their number."""
SCALING = {
    "timestamp": "dates, milliseconds, microseconds and nanoseconds become seconds, the whole column alike",
    "event": "a weight for each kind of event",
    "price": "logarithm, and Z-score within the category",
    "popularity": "logarithm of counts, decayed by several half-lives",
    "scores of sources": "as they are, as ranks, and as a share of the shopper's best",
    "category, brand, attributes": "one-hot in content, weighed by rarity; shared or not with what the shopper had",
    "title, description": "TF-IDF in content; sentence embeddings where that extra is on",
    "features of the network": "normal scores of their ranks; unknown is 0, and flagged where often so",
}
"""How each column is scaled or encoded."""


@dataclass(frozen=True, slots=True)
class RemovedRows:
    """How many rows a cleaning rule removed, and why."""

    rule: str
    rows: int
    reason: str


CleaningRule = Callable[[pd.DataFrame], "pd.Series[bool]"]


def clean(frame: pd.DataFrame, *, timed: bool = True) -> tuple[pd.DataFrame, list[RemovedRows]]:
    """Return the cleaned rows with imputed values, in their order, and what each rule removed.

    With `timed` false, times are made up and the rules about speed are skipped. Raises ValueError if a required column
    is missing or a column holds lists.
    """
    missing = [name for name in REQUIRED_COLUMNS if name not in frame]
    if missing:
        raise ValueError(f"missing columns: {', '.join(missing)}")
    for name in (*REQUIRED_COLUMNS, "event", "order_id", "device"):
        if name in frame and frame[name].dtype == object and frame[name].map(_is_collection).any():
            raise ValueError(f"{name}: one value a row, not lists")
    rows = _with_types(frame)
    removed = []
    for name, rule, reason in RULES:
        if not timed and name in SPEED_RULES:
            continue
        bad = rule(rows).to_numpy(bool)
        removed.append(RemovedRows(name, int(bad.sum()), reason))
        if bad.any():
            rows = rows[~bad]
    return rows.reset_index(drop=True), removed


def _is_collection(value: object) -> bool:
    return isinstance(value, list | tuple | dict | set | np.ndarray)


def _with_types(frame: pd.DataFrame) -> pd.DataFrame:
    frame = frame.reset_index(drop=True)  # concatenated files repeat index labels
    rows = frame.copy(deep=False)
    rows["missing"] = frame["user_id"].isna() | frame["item_id"].isna()
    for name in ("user_id", "item_id"):
        rows[name] = id_texts(frame[name])
    rows["timestamp"] = to_seconds(frame["timestamp"])
    if "event" in frame:
        codes, names = event_names(frame["event"])
        rows["event"] = pd.Series([*names, None], dtype=object).to_numpy()[codes]
    rows["value"] = finite_numbers(frame["value"]) if "value" in frame else np.nan
    if "event" in rows:
        rows.loc[rows["value"].isna().to_numpy() & (rows["event"] == "rating").to_numpy(), "event"] = (
            EVENT_OF_RATING_WITHOUT_STARS
        )
    rows["value"] = rows["value"].fillna(1.0)
    return rows


def count_imputed(frame: pd.DataFrame) -> dict[str, int]:
    """Return the number of missing or unknown values of a raw interactions frame, for each column it has."""
    counts = {}
    if "event" in frame:
        codes, names = event_names(frame["event"])
        unknown = np.array([name not in SIGNAL_NAMES for name in names] + [True])
        counts["event"] = int(unknown[codes].sum())
    if "value" in frame:
        counts["value"] = int(finite_numbers(frame["value"]).isna().sum())
    if "order_id" in frame:
        counts["order_id"] = int(frame["order_id"].isna().sum())
    return counts


def _without_ids(rows: pd.DataFrame) -> "pd.Series[bool]":
    return rows["missing"] | (rows["user_id"] == "") | (rows["item_id"] == "")


def _without_time(rows: pd.DataFrame) -> "pd.Series[bool]":
    return ~np.isfinite(rows["timestamp"]) | (rows["timestamp"] <= 0)


def _far_off(rows: pd.DataFrame) -> "pd.Series[bool]":
    """Return which rows are outliers in time: over ten years, and three times the usual range, from nearly all others.

    Some systems write 9999-12-31 for "not yet". Without this rule, such a row would decide where an evaluation splits
    and what counts as old.
    """
    times = rows["timestamp"]
    first, last = times.quantile([OUTLIER_SHARE, 1 - OUTLIER_SHARE])
    room = max(OUTLIER_SECONDS, 3 * (last - first))
    return (times < first - room) | (times > last + room)


def declared_bots(rows: pd.DataFrame) -> "pd.Series[bool]":
    """Return which rows come from a declared bot (`device` is "bot"); none without a column `device`."""
    if "device" not in rows:
        return pd.Series(False, index=rows.index)
    return (rows["device"] == "bot").fillna(False).astype(bool)  # pandas' nullable types give NA


def _impossible_values(rows: pd.DataFrame) -> "pd.Series[bool]":
    """Return which rows have ratings out of range, negative quantities or prices, or are returned goods.

    Returned goods are purchases with a negative `value`. The `value` of other events may be anything.
    """
    bad = pd.Series(False, index=rows.index)
    if "event" in rows:
        bad |= (rows["event"] == "rating") & (rows["value"].abs() > MAX_STARS)
    bad |= _is_purchase(rows) & (rows["value"] < 0)
    for name in ("quantity", "price"):
        if name in rows:
            bad |= pd.to_numeric(rows[name], errors="coerce").astype(np.float64) < 0
    return bad


def _is_purchase(rows: pd.DataFrame) -> "pd.Series[bool]":
    """Return which rows are purchases: all of them without a column `event`."""
    return (rows["event"] == "purchase") if "event" in rows else pd.Series(True, index=rows.index)


def _duplicates(rows: pd.DataFrame) -> "pd.Series[bool]":
    """Return which rows repeat an earlier row, or within an hour a line of the same order.

    Browser and server may both send an order.
    """
    same = [name for name in ("user_id", "item_id", "timestamp", "event", "order_id") if name in rows]
    duplicated = rows.duplicated(same)
    if not {"event", "order_id"} <= set(rows):
        return duplicated
    ordered = rows[(rows["event"] == "purchase").fillna(False).astype(bool) & rows["order_id"].notna() & ~duplicated]
    ordered = ordered.sort_values("timestamp", kind="stable")
    gaps = ordered.groupby(["user_id", "item_id", "order_id"], sort=False)["timestamp"].diff()
    duplicated[gaps.index[(gaps < SAME_ORDER_SECONDS).to_numpy()]] = True
    return duplicated


def _fast_sessions(rows: pd.DataFrame) -> "pd.Series[bool]":
    """Return the rows of too fast sessions of shoppers who have at most one such session in ten.

    Such a shopper let a tool use the account. The next rule removes shoppers with more fast sessions as a whole.
    """
    users, fast = _fast_rows(rows, 60, BOT_EVENTS_PER_MINUTE)
    candidates = np.flatnonzero(np.isin(users, users[fast]))
    times = rows["timestamp"].to_numpy()
    candidates = candidates[np.lexsort((times[candidates], users[candidates]))]
    starts = session_starts(users[candidates], times[candidates])
    session = np.cumsum(starts) - 1
    too_fast = np.bincount(session, fast[candidates]) > 0
    _, owner = np.unique(users[candidates][starts], return_inverse=True)
    share = np.bincount(owner, too_fast) / np.maximum(1, np.bincount(owner))
    bad = np.zeros(len(rows), bool)
    bad[candidates] = (too_fast & (share <= MAX_FAST_SHARE)[owner])[session]
    return pd.Series(bad, index=rows.index)


def _machines(rows: pd.DataFrame) -> "pd.Series[bool]":
    """Return all rows of shoppers who browse faster than a person can."""
    bad = np.zeros(len(rows), bool)
    for span, limit in ((60, BOT_EVENTS_PER_MINUTE), (86_400, BOT_EVENTS_PER_DAY)):
        users, fast = _fast_rows(rows, span, limit)
        bad |= np.isin(users, users[fast])
    return pd.Series(bad, index=rows.index)


def _fast_rows(rows: pd.DataFrame, span: int, limit: int) -> tuple[Longs, Bools]:
    """Return int64[n], each row's shopper, and bool[n]: its shopper has over `limit` events in its `span` of seconds.

    `BATCHED_EVENTS` do not count, since many are sent at once. Files without events hold purchases, and none is fast.
    If times are full hours, minutes are unknown. Hours may start at any minute: in UTC, India's start at half past.
    """
    codes, _ = pd.factorize(rows["user_id"])
    users, times = codes.astype(np.int64), rows["timestamp"].to_numpy()
    if (
        "event" not in rows
        or not len(rows)
        or (span < COARSE_CLOCK_SECONDS and not ((times - times[0]) % COARSE_CLOCK_SECONDS).any())
    ):
        return users, np.zeros(len(rows), bool)
    keys = users * (1 << 36) + (times // span).astype(np.int64)
    browsing = ~rows["event"].isin(BATCHED_EVENTS).to_numpy()
    spans, count = np.unique(keys[browsing], return_counts=True)
    return users, np.isin(keys, spans[count > limit])


RULES: tuple[tuple[str, CleaningRule, str], ...] = (
    ("ids", _without_ids, "a row without shopper or item says nothing"),
    ("time", _without_time, "a row without a time cannot be placed before or after anything"),
    ("far off", _far_off, "a time ten years from nearly all others fills a column, it tells no moment"),
    (BOTS, declared_bots, "the browser says that it is a bot: what machines look at is no taste of anybody's"),
    (
        "values",
        _impossible_values,
        "stars out of range, negative quantity or price, a purchase below 0: returned goods",
    ),
    (
        "duplicates",
        _duplicates,
        "the same shopper, item, time, event and order was there already, or the same line of an order",
    ),
    (
        "sessions",
        _fast_sessions,
        f"a session with over {BOT_EVENTS_PER_MINUTE} events in a minute is a tool's, where nine in ten of its "
        "shopper's are not",
    ),
    (
        "machines",
        _machines,
        f"a shopper with over {BOT_EVENTS_PER_MINUTE} events in a minute or {BOT_EVENTS_PER_DAY} in a day is a machine",
    ),
)

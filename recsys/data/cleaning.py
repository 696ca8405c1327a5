"""What is set aside before learning, and why: duplicates, impossible values, bots, machines. Each says what it took."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from recsys.arrays import Bools, Longs
from recsys.data.reading import (
    event_names,
    finite,
    id_texts,
    seconds,
)
from recsys.data.sessions import session_starts
from recsys.data.signals import SAME_ORDER_SECONDS, SIGNAL_NAMES

NEEDED = ("user_id", "item_id", "timestamp")
MAX_STARS = 100.0
BOT_RATE = 200
"""Events of one shopper within one minute that no hand can make."""
BOT_DAY = 5_000
"""Events of one shopper within one day that no hand can make."""
FAST_SHARE = 0.1
"""A shopper of whose sessions a larger share than this is faster than a hand is a machine altogether."""
BOTS = "bots"
SPEEDS = ("sessions", "machines")
"""The rules that ask how fast somebody is."""
COARSE = 3_600.0
"""Seconds; a file whose times are all whole multiples of it apart has no clock of minutes."""
SENT_AT_ONCE = ("checkout", "purchase", "rating")
NEARLY_ALL, FAR_OFF = 0.01, 3_652 * 86_400.0
"""Share of the rows, on either side, that may be far off, and from how many seconds on they are."""
UNSTARRED = "engage"
"""What a rating without stars is: somebody looked closely, nobody knows how they liked it."""
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
"""What happens to a missing value, by column; how many there were is in the report."""
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
    """How many rows a cleaning rule took, and the rule in words."""

    rule: str
    rows: int
    reason: str


CleaningRule = Callable[[pd.DataFrame], "pd.Series[bool]"]


def clean(frame: pd.DataFrame, *, timed: bool = True) -> tuple[pd.DataFrame, list[RemovedRows]]:
    """Return the rows to learn from, values imputed, in the order they came, and what each rule took.

    Rules that look at speed are left out where times are made up (`timed` is false). Raises ValueError when a needed
    column is missing, or one holds lists.
    """
    missing = [name for name in NEEDED if name not in frame]
    if missing:
        raise ValueError(f"missing columns: {', '.join(missing)}")
    for name in (*NEEDED, "event", "order_id", "device"):
        if name in frame and frame[name].dtype == object and frame[name].map(_many).any():
            raise ValueError(f"{name}: one value a row, not lists")
    rows = _typed(frame)
    removed = []
    for name, rule, reason in RULES:
        if not timed and name in SPEEDS:
            continue
        bad = rule(rows).to_numpy(bool)
        removed.append(RemovedRows(name, int(bad.sum()), reason))
        if bad.any():
            rows = rows[~bad]
    return rows.reset_index(drop=True), removed


def _many(value: object) -> bool:
    return isinstance(value, list | tuple | dict | set | np.ndarray)


def _typed(frame: pd.DataFrame) -> pd.DataFrame:
    frame = frame.reset_index(drop=True)  # files put together from several have labels twice
    rows = frame.copy(deep=False)
    rows["missing"] = frame["user_id"].isna() | frame["item_id"].isna()
    for name in ("user_id", "item_id"):
        rows[name] = id_texts(frame[name])
    rows["timestamp"] = seconds(frame["timestamp"])
    if "event" in frame:
        codes, known = event_names(frame["event"])
        rows["event"] = pd.Series([*known, None], dtype=object).to_numpy()[codes]
    rows["value"] = finite(frame["value"]) if "value" in frame else np.nan
    if "event" in rows:
        rows.loc[rows["value"].isna().to_numpy() & (rows["event"] == "rating").to_numpy(), "event"] = UNSTARRED
    rows["value"] = rows["value"].fillna(1.0)
    return rows


def imputed(frame: pd.DataFrame) -> dict[str, int]:
    """Return how many values of an interactions frame, as handed in, are missing or unknown, by column it has."""
    found = {}
    if "event" in frame:
        codes, known = event_names(frame["event"])
        unknown = np.array([name not in SIGNAL_NAMES for name in known] + [True])
        found["event"] = int(unknown[codes].sum())
    if "value" in frame:
        found["value"] = int(finite(frame["value"]).isna().sum())
    if "order_id" in frame:
        found["order_id"] = int(frame["order_id"].isna().sum())
    return found


def _without_ids(rows: pd.DataFrame) -> "pd.Series[bool]":
    return rows["missing"] | (rows["user_id"] == "") | (rows["item_id"] == "")


def _without_time(rows: pd.DataFrame) -> "pd.Series[bool]":
    return ~np.isfinite(rows["timestamp"]) | (rows["timestamp"] <= 0)


def _far_off(rows: pd.DataFrame) -> "pd.Series[bool]":
    """Return which rows lie ten years from nearly all others, and thrice as far as these lie apart.

    9999-12-31 is what some systems write for "not yet", and the day that is longest ago or farthest ahead of all
    decides where evaluations cut and what is old.
    """
    times = rows["timestamp"]
    first, last = times.quantile([NEARLY_ALL, 1 - NEARLY_ALL])
    room = max(FAR_OFF, 3 * (last - first))
    return (times < first - room) | (times > last + room)


def declared_bots(rows: pd.DataFrame) -> "pd.Series[bool]":
    """Return which rows a machine sent that says so of itself; none where no devices are known."""
    if "device" not in rows:
        return pd.Series(False, index=rows.index)
    return (rows["device"] == "bot").fillna(False).astype(bool)  # columns of pandas' own types compare to NA


def _impossible_values(rows: pd.DataFrame) -> "pd.Series[bool]":
    """Return ratings out of range, negative quantities and prices, and purchases of a negative `value`: returned goods.

    Of other events, `value` may be anything: an amount of money, a quantity.
    """
    bad = pd.Series(False, index=rows.index)
    if "event" in rows:
        bad |= (rows["event"] == "rating") & (rows["value"].abs() > MAX_STARS)
    bad |= _bought(rows) & (rows["value"] < 0)
    for name in ("quantity", "price"):
        if name in rows:
            bad |= pd.to_numeric(rows[name], errors="coerce").astype(np.float64) < 0
    return bad


def _bought(rows: pd.DataFrame) -> "pd.Series[bool]":
    """Return which rows are purchases: all where nothing says what they are."""
    return (rows["event"] == "purchase") if "event" in rows else pd.Series(True, index=rows.index)


def _duplicates(rows: pd.DataFrame) -> "pd.Series[bool]":
    """Return which rows were there already; of one order, told by the browser and by the server, within the hour."""
    same = [name for name in ("user_id", "item_id", "timestamp", "event", "order_id") if name in rows]
    found = rows.duplicated(same)
    if not {"event", "order_id"} <= set(rows):
        return found
    ordered = rows[(rows["event"] == "purchase").fillna(False).astype(bool) & rows["order_id"].notna() & ~found]
    ordered = ordered.sort_values("timestamp", kind="stable")
    before = ordered.groupby(["user_id", "item_id", "order_id"], sort=False)["timestamp"].diff()
    found[before.index[(before < SAME_ORDER_SECONDS).to_numpy()]] = True
    return found


def _sessions(rows: pd.DataFrame) -> "pd.Series[bool]":
    """Return the sessions faster than a hand, of shoppers whose other sessions, nine in ten at least, are a hand's.

    Such a shopper lent the account to a tool once. Whoever has more of them is left to the next rule, as a whole.
    """
    users, fast = _spans(rows, 60, BOT_RATE)
    some = np.flatnonzero(np.isin(users, users[fast]))
    times = rows["timestamp"].to_numpy()
    some = some[np.lexsort((times[some], users[some]))]
    fresh = session_starts(users[some], times[some])
    session = np.cumsum(fresh) - 1
    inhuman = np.bincount(session, fast[some]) > 0
    _, owner = np.unique(users[some][fresh], return_inverse=True)
    share = np.bincount(owner, inhuman) / np.maximum(1, np.bincount(owner))
    bad = np.zeros(len(rows), bool)
    bad[some] = (inhuman & (share <= FAST_SHARE)[owner])[session]
    return pd.Series(bad, index=rows.index)


def _machines(rows: pd.DataFrame) -> "pd.Series[bool]":
    """Return the rows of shoppers who browse faster than a hand can."""
    bad = np.zeros(len(rows), bool)
    for span, limit in ((60, BOT_RATE), (86_400, BOT_DAY)):
        users, fast = _spans(rows, span, limit)
        bad |= np.isin(users, users[fast])
    return pd.Series(bad, index=rows.index)


def _spans(rows: pd.DataFrame, span: int, limit: int) -> tuple[Longs, Bools]:
    """Return int64[n], each row's shopper, and bool[n]: it lies in so many seconds with over `limit` events of theirs.

    Carts at the checkout, orders and ratings do not count, for many are sent at once, nor do files without events,
    which hold purchases. A clock that only knows the hour or the day cannot tell of minutes,
    whenever its hours begin: India's days do so at half past, in UTC.
    """
    codes, _ = pd.factorize(rows["user_id"])
    users, times = codes.astype(np.int64), rows["timestamp"].to_numpy()
    if "event" not in rows or not len(rows) or (span < COARSE and not ((times - times[0]) % COARSE).any()):
        return users, np.zeros(len(rows), bool)
    keys = users * (1 << 36) + (times // span).astype(np.int64)
    browsing = ~rows["event"].isin(SENT_AT_ONCE).to_numpy()
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
        _sessions,
        f"a session with over {BOT_RATE} events in a minute is a tool's, where nine in ten of its shopper's are not",
    ),
    ("machines", _machines, f"a shopper with over {BOT_RATE} events in a minute or {BOT_DAY} in a day is a machine"),
)

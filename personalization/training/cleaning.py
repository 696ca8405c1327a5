"""What is set aside before learning, and why: duplicates, impossible values, bots, machines. Each says what it took."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from events.types.base import TOLD_AGAIN
from personalization.recommenders.base import SIGNAL_NAMES, Bools, Longs
from personalization.recommenders.baskets import SESSION_GAP

NEEDED = ("user_id", "item_id", "timestamp")
MAX_STARS = 100.0
LATEST = 1e11
"""Seconds end here, in the year 5138: a file whose times lie mostly beyond counts in milliseconds or less."""
IN_DIGITS = {"%Y%m%d": 1, "%Y%m%d%H%M": 10_000, "%Y%m%d%H%M%S": 1_000_000}
"""How moments are written as one number, and how many times as large as days it is."""
DAYS_IN_DIGITS, LAST_MONTH = (19_000_101, 21_010_101), 12
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
"""Seconds; a file whose times are all multiples of it has no clock of minutes."""
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
SENT_AT_ONCE = ("checkout", "purchase", "rating")
TIME_OF_DAY = r"\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?(?:\s*[+-]\d{2}(?::?\d{2})?)?"
NEARLY_ALL, FAR_OFF = 0.01, 3_652 * 86_400.0
"""Share of the rows, on either side, that may be far off, and from how many seconds on they are."""
LARGEST = 2.0**63
"""Numbers as large are no 64-bit integers."""
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
    " those of a catalogue brought here after its interactions count as missing",
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
    for name in (*NEEDED, "event", "order_id"):
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
        codes, known = _events(frame["event"])
        rows["event"] = pd.Series([*known, None], dtype=object).to_numpy()[codes]
    rows["value"] = _finite(frame["value"]) if "value" in frame else pd.Series(1.0, index=frame.index)
    if "event" in rows and "value" in frame:
        rows.loc[rows["value"].isna().to_numpy() & (rows["event"] == "rating").to_numpy(), "event"] = UNSTARRED
    rows["value"] = rows["value"].fillna(1.0)
    return rows


def _finite(column: pd.Series) -> pd.Series:
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
    codes, known = _events(column)
    counts = np.bincount(codes[codes >= 0], minlength=len(known))
    found = sorted(zip(known, counts.tolist(), strict=True), key=lambda one: -one[1])
    return {name: rows for name, rows in found if name not in SIGNAL_NAMES}


def imputed(frame: pd.DataFrame) -> dict[str, int]:
    """Return how many values of an interactions frame, as handed in, are missing or unknown, by column it has."""
    found = {}
    if "event" in frame:
        codes, known = _events(frame["event"])
        unknown = np.array([name not in SIGNAL_NAMES for name in known] + [True])
        found["event"] = int(unknown[codes].sum())
    if "value" in frame:
        found["value"] = int(_finite(frame["value"]).isna().sum())
    if "order_id" in frame:
        found["order_id"] = int(frame["order_id"].isna().sum())
    return found


def _events(column: pd.Series) -> tuple["np.ndarray[Any, np.dtype[np.intp]]", list[str]]:
    """Return a code for each row, -1 where there is no name, and the names: ours, where we know them."""
    codes, names = pd.factorize(column, use_na_sentinel=True)
    lower = [str(_decoded(name)).strip().lower() for name in names]
    return codes, [OTHER_NAMES.get(name, name) for name in lower]


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
    """Return ratings out of range and negative quantities and prices.

    Of other events, `value` may be anything: an amount of money, a quantity.
    """
    bad = pd.Series(False, index=rows.index)
    if "event" in rows:
        bad |= (rows["event"] == "rating") & (rows["value"].abs() > MAX_STARS)
    for name in ("quantity", "price"):
        if name in rows:
            bad |= pd.to_numeric(rows[name], errors="coerce").astype(np.float64) < 0
    return bad


def _duplicates(rows: pd.DataFrame) -> "pd.Series[bool]":
    """Return which rows were there already; of one order, told by the browser and by the server, within the hour."""
    same = [name for name in ("user_id", "item_id", "timestamp", "event", "order_id") if name in rows]
    found = rows.duplicated(same)
    if not {"event", "order_id"} <= set(rows):
        return found
    ordered = rows[(rows["event"] == "purchase").fillna(False).astype(bool) & rows["order_id"].notna() & ~found]
    ordered = ordered.sort_values("timestamp", kind="stable")
    before = ordered.groupby(["user_id", "item_id", "order_id"], sort=False)["timestamp"].diff()
    found[before.index[(before < TOLD_AGAIN / 1e6).to_numpy()]] = True
    return found


def _sessions(rows: pd.DataFrame) -> "pd.Series[bool]":
    """Return the sessions faster than a hand, of shoppers whose other sessions, nine in ten at least, are a hand's.

    Such a shopper lent the account to a tool once. Whoever has more of them is left to the next rule, as a whole.
    """
    users, fast = _spans(rows, 60, BOT_RATE)
    some = np.flatnonzero(np.isin(users, users[fast]))
    times = rows["timestamp"].to_numpy()
    some = some[np.lexsort((times[some], users[some]))]
    fresh = np.ones(len(some), bool)
    fresh[1:] = (np.diff(users[some]) != 0) | (np.diff(times[some]) > SESSION_GAP)
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
    for seconds, limit in ((60, BOT_RATE), (86_400, BOT_DAY)):
        users, fast = _spans(rows, seconds, limit)
        bad |= np.isin(users, users[fast])
    return pd.Series(bad, index=rows.index)


def _spans(rows: pd.DataFrame, seconds: int, limit: int) -> tuple[Longs, Bools]:
    """Return int64[n], each row's shopper, and bool[n]: it lies in so many seconds with over `limit` events of theirs.

    Carts at the checkout, orders and ratings do not count, for many are sent at once, nor do files without events,
    which hold purchases. A clock that only knows the hour or the day cannot tell of minutes.
    """
    codes, _ = pd.factorize(rows["user_id"])
    users, times = codes.astype(np.int64), rows["timestamp"].to_numpy()
    if "event" not in rows or not len(rows) or (seconds < COARSE and not (times % COARSE).any()):
        return users, np.zeros(len(rows), bool)
    keys = users * (1 << 36) + (times // seconds).astype(np.int64)
    browsing = ~rows["event"].isin(SENT_AT_ONCE).to_numpy()
    spans, count = np.unique(keys[browsing], return_counts=True)
    return users, np.isin(keys, spans[count > limit])


RULES: tuple[tuple[str, CleaningRule, str], ...] = (
    ("ids", _without_ids, "a row without shopper or item says nothing"),
    ("time", _without_time, "a row without a time cannot be placed before or after anything"),
    ("far off", _far_off, "a time ten years from nearly all others fills a column, it tells no moment"),
    (BOTS, declared_bots, "the browser says that it is a bot: what machines look at is no taste of anybody's"),
    ("values", _impossible_values, "stars out of range, negative quantity or price"),
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

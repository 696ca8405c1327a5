"""The last hour by minute: numbers for the home page, figures and tables for the stream's. Pure."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from common.clock import from_microseconds
from events.stream.tail import LINES, LINES_SHOWN
from modelops.selectors.plots import Figure, lines

Hour = Mapping[int, Mapping[str, int]]
"""Minute since the epoch to its numbers, the running minute last."""
Series = Sequence[tuple[str, Sequence[float | None]]]
ERRORS: Final = "Answers of 400 and above to programs, and of 500 and above to people."
LAG: Final = "The most log entries of a minute that were not in PostgreSQL yet, about."
TICK: Final = 15
"""Minutes between two labels of the axis: more would overlap on a phone."""
TIMES: Final = "Milliseconds inside the web process, read from a histogram."
QUANTILES: Final = (0.5, 0.95, 0.99)
VERDICT_NAMES: Final = {
    "event:kept": "kept",
    "event:discarded": "discarded",
    "event:rejected": "rejected",
    "event:duplicate": "duplicate",
}


@dataclass(frozen=True, slots=True)
class Section:
    """A figure, and the same numbers as a table, the newest minute first."""

    slug: str
    title: str
    note: str
    figure: Figure
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Summary:
    """Numbers of the last whole minute and the running one; `p95` in milliseconds, `hits` in percent, None: unknown."""

    accepted: int
    errors: int
    p95: float | None
    lag: int | None
    hits: int | None
    lines: int
    lines_shown: int
    kept_by_minute: tuple[tuple[str, int], ...]


def sections(hour: Hour) -> list[Section]:
    """Return all figures of the page."""
    by_verdict = [(title, _numbers(hour, name)) for name, title in VERDICT_NAMES.items()]
    statuses = [(name.partition(":")[2], _numbers(hour, name)) for name in _names(hour, "status:")]
    levels = dict.fromkeys(name.split(":")[1] for name in _names(hour, "lookup:"))
    hits = [(level, [_hits(minute, level) for minute in hour.values()]) for level in levels]
    none: Series = [("none", [None] * len(hour))]
    texts: tuple[tuple[str, str, str, str, Series], ...] = (
        ("events", "Events by verdict", "All events are counted, shown or not.", "events", by_verdict),
        ("errors", "Errors by status", ERRORS, "answers", statuses or none),
        ("lag", "Recorder's lag", LAG, "entries", [("lag", [minute.get("lag") for minute in hour.values()])]),
        ("recommend", "Answer times of recommendations", TIMES, "milliseconds", _times(hour, "recommend")),
        ("collect", "Answer times of collecting", TIMES, "milliseconds", _times(hour, "collect")),
        ("caches", "Cache levels", "The share of lookups that each level could answer.", "percent", hits or none),
    )
    return [_section(hour, *text) for text in texts]


def _names(hour: Hour, prefix: str) -> list[str]:
    return sorted({name for minute in hour.values() for name in minute if name.startswith(prefix)})


def _numbers(hour: Hour, name: str) -> list[int]:
    return [minute.get(name, 0) for minute in hour.values()]


def _times(hour: Hour, kind: str) -> Series:
    return [(f"{share:.0%}", [milliseconds(minute, kind, share) for minute in hour.values()]) for share in QUANTILES]


def summary(hour: Hour) -> Summary:
    """Return the numbers that the operator's home shows."""
    recent: Counter[str] = Counter()
    for minute in list(hour.values())[-2:]:
        recent.update(minute)
    levels = {name.split(":")[1] for name in recent if name.startswith("lookup:")}
    lookups = {f"lookup:all:{outcome}": sum(recent[f"lookup:{level}:{outcome}"] for level in levels)
               for outcome in ("hit", "miss")}  # fmt: skip
    lags = [minute["lag"] for minute in list(hour.values())[-2:] if "lag" in minute]
    return Summary(
        accepted=recent["event:kept"],
        errors=sum(number for name, number in recent.items() if name.startswith("status:")),
        p95=milliseconds(recent, "recommend", 0.95),
        lag=lags[-1] if lags else None,
        hits=_hits(lookups, "all"),
        lines=recent[LINES],
        lines_shown=recent[LINES_SHOWN],
        kept_by_minute=tuple((_clock(minute), numbers.get("event:kept", 0)) for minute, numbers in hour.items()),
    )


def milliseconds(minute: Mapping[str, int], kind: str, share: float) -> float | None:
    """Return the quantile of a minute's answer times, linear within its bucket; None without an answer.

    In the last bucket, which has no end, its lower end is returned.
    """
    prefix = f"within:{kind}:"
    counts = sorted((float(name[len(prefix) :]), count) for name, count in minute.items() if name.startswith(prefix))
    if not counts or not counts[-1][1]:
        return None
    wanted_rank = share * counts[-1][1]
    low, below = 0.0, 0
    for end, count in counts:
        if count >= wanted_rank:
            inside = (wanted_rank - below) / (count - below) if count > below else 1.0
            return round(1000 * (low if end == float("inf") else low + (end - low) * inside), 2)
        low, below = end, count
    return round(1000 * low, 2)


def _hits(minute: Mapping[str, int], level: str) -> int | None:
    hits, misses = (minute.get(f"lookup:{level}:{outcome}", 0) for outcome in ("hit", "miss"))
    return round(100 * hits / (hits + misses)) if hits + misses else None


def _section(hour: Hour, slug: str, title: str, note: str, unit: str, series: Series) -> Section:
    clocks = [_clock(minute) for minute in hour]
    figure = lines(clocks, series, x="UTC", y=unit)
    for trace in figure["data"]:
        trace["mode"] = "lines"
    figure["layout"]["yaxis"]["rangemode"] = "tozero"
    figure["layout"]["xaxis"]["tickvals"] = clocks[::-TICK][::-1]
    figure["layout"]["height"] = 280
    columns = ("Minute", *(name for name, _ in series))
    rows = [
        (time, *map(_cell, values)) for time, *values in zip(clocks, *(values for _, values in series), strict=True)
    ]
    return Section(slug, title, note, figure, columns, tuple(rows[::-1]))


def _clock(minute: int) -> str:
    return f"{from_microseconds(minute * 60_000_000):%H:%M}"


def _cell(value: Any) -> str:
    return "–" if value is None else f"{value:,}"

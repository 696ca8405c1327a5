"""The last hour by minute: numbers for the home page, figures and tables for the stream's. Pure."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

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
TIMES: Final = (
    "The time inside the web process that half, 95 % and 99 % of the answers stayed under. Times are counted in steps "
    "up to 1, 2.5, 5, 10, 25, 50, 100, 250, 1,000 and 5,000 ms."
)
FIRST: Final = ""
NUMBER: Final = mark_safe(' class="num"')  # a constant
QUANTILES: Final = (0.5, 0.95, 0.99)
VERDICT_NAMES: Final = {
    "event:kept": "kept",
    "event:discarded": "discarded",
    "event:rejected": "rejected",
    "event:duplicate": "duplicate",
}


@dataclass(frozen=True, slots=True)
class TimeBound:
    """A limit that answer times stayed under, in milliseconds; `is_over`: they were longer than the last bucket."""

    ms: float
    is_over: bool = False

    def __str__(self) -> str:
        return f"{'over' if self.is_over else 'under'} {self.ms:,.1f}".removesuffix(".0") + " ms"


@dataclass(frozen=True, slots=True)
class Section:
    """A figure, and the same numbers as a table, the newest minute first."""

    slug: str
    title: str
    note: str
    figure: Figure
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    @property
    def table(self) -> SafeString:
        """The table as HTML; joined here, because a template takes a hundred times as long for its 3,000 cells."""
        head = _cells('<th scope="col"{}>{}</th>', self.columns)
        body = format_html_join("", "<tr>{}</tr>", ((_cells("<td{}>{}</td>", row),) for row in self.rows))
        return format_html("<table><thead><tr>{}</tr></thead><tbody>{}</tbody></table>", head, body)


@dataclass(frozen=True, slots=True)
class Summary:
    """Numbers of the last whole minute and the running one; `hits` in percent, None: unknown.

    `p95` is what 95 % of the `answers` stayed under, `lag` the most entries that the recorder had before it. `arrived`
    counts the events of the whole hour that were kept, by their arrival.
    """

    accepted: int
    arrived: int
    errors: int
    p95: TimeBound | None
    answers: int
    lag: int | None
    hits: int | None
    lines: int
    lines_shown: int
    kept_by_minute: tuple[tuple[str, int], ...]


def _cells(tag: str, texts: Sequence[str]) -> SafeString:
    return format_html_join("", tag, ((FIRST if at == 0 else NUMBER, text) for at, text in enumerate(texts)))


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
        ("caches", "Cache levels", "The share of lookups that each level could answer.", "percent", hits or none),
    )
    *others, caches = [_section(hour, *text) for text in texts]
    recommend = _time_section(hour, "recommend", "Answer times of recommendations")
    return [*others, recommend, _time_section(hour, "collect", "Answer times of collecting"), caches]


def arrived(hour: Hour) -> str:
    """Return how many events the hour brought, in words: by arrival, whenever they happened."""
    count = summary(hour).arrived
    return f"{count:,} event{'s' * (count != 1)} arrived in the last hour and were kept"


def _names(hour: Hour, prefix: str) -> list[str]:
    return sorted({name for minute in hour.values() for name in minute if name.startswith(prefix)})


def _numbers(hour: Hour, name: str) -> list[int]:
    return [minute.get(name, 0) for minute in hour.values()]


def _time_section(hour: Hour, kind: str, title: str) -> Section:
    """Return the answer times of a kind of requests; the table also says of how many answers each minute's are."""
    answers = [_answers_within(minute, kind) for minute in hour.values()]
    bounds = [[_bound_in(counts, share) for counts in answers] for share in QUANTILES]
    names = [f"{share:.0%}" for share in QUANTILES]
    series = [(name, [one.ms if one else None for one in values]) for name, values in zip(names, bounds, strict=True)]
    section = _section(hour, kind, title, TIMES, "milliseconds at most", series)
    numbers = [_cell(_n_of(counts)) for counts in answers]
    texts = [["–" if one is None else str(one) for one in values] for values in bounds]
    rows = zip(map(_clock, hour), numbers, *texts, strict=True)
    return replace(section, columns=("Minute", "Answers", *names), rows=tuple(rows)[::-1])


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
        arrived=sum(minute.get("event:kept", 0) for minute in hour.values()),
        errors=sum(number for name, number in recent.items() if name.startswith("status:")),
        p95=time_bound(recent, "recommend", 0.95),
        answers=_n_of(_answers_within(recent, "recommend")),
        lag=max(lags, default=None),
        hits=_hits(lookups, "all"),
        lines=recent[LINES],
        lines_shown=recent[LINES_SHOWN],
        kept_by_minute=tuple((_clock(minute), numbers.get("event:kept", 0)) for minute, numbers in hour.items()),
    )


def time_bound(minute: Mapping[str, int], kind: str, share: float) -> TimeBound | None:
    """Return the end of the bucket that holds this share of a minute's answers; None without an answer."""
    return _bound_in(_answers_within(minute, kind), share)


def _bound_in(counts: Sequence[tuple[float, int]], share: float) -> TimeBound | None:
    if not counts or not counts[-1][1]:
        return None
    at = next(at for at, (_, count) in enumerate(counts) if count >= share * counts[-1][1])
    is_over = counts[at][0] == float("inf")
    end = counts[at - 1][0] if is_over and at else counts[at][0]
    return TimeBound(1000 * end, is_over)


def _answers_within(minute: Mapping[str, int], kind: str) -> list[tuple[float, int]]:
    """Return the ends of the buckets in seconds, and the answers up to each."""
    prefix = f"within:{kind}:"
    return sorted((float(name[len(prefix) :]), count) for name, count in minute.items() if name.startswith(prefix))


def _n_of(counts: Sequence[tuple[float, int]]) -> int:
    return counts[-1][1] if counts else 0


def _hits(minute: Mapping[str, int], level: str) -> int | None:
    hits, misses = (minute.get(f"lookup:{level}:{outcome}", 0) for outcome in ("hit", "miss"))
    return round(100 * hits / (hits + misses)) if hits + misses else None


def _section(hour: Hour, slug: str, title: str, note: str, unit: str, series: Series) -> Section:
    clocks = [_clock(minute) for minute in hour]
    figure = lines(clocks, series, x="UTC", y=unit)
    for trace in figure["data"]:
        trace["marker"]["size"] = 4  # a line alone would not show a minute between two empty ones
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

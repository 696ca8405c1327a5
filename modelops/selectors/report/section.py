"""A section of the report, and numbers in words."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, NamedTuple

from modelops.selectors import plots

METRIC = "ndcg@10"
SERVED = "served: "
"""What the names of nightly checks of served answers begin with."""
FEED = "feed of "
"""What the names of nightly checks begin with that ask whether events are still sent."""
NOT_LOWER = (
    *("quality", "group_ratio", "groups by", "coverage", "new_items", "new items", "stability"),
    *("rows", "items", "shoppers", "days before", "volume", "filled"),
)
"""How the names of checks begin whose number must not be lower than its bar, where they were stored before they told
so; that of the others must not be higher."""
COUNT = 2
"""Whole numbers from here on can only be counts, and have no decimals; 0 and 1 are shares as well."""
TENS = 10
"""Numbers as large, as milliseconds, have one decimal."""
BIG, LATEST = 1e8, 1e11
"""Between these a check's number can only be a moment."""


class Outcome(StrEnum):
    """What a check came to, as every page shows it; `mark` is the class of its label."""

    FAIL = "fail"
    WARN = "warn"
    PASS = "pass"
    NOT_JUDGED = "not judged"

    @property
    def mark(self) -> str:
        """The class of the label in a page."""
        return self.replace(" ", "-")


class Two(NamedTuple):
    """A cell of two lines, the second one aside."""

    head: str
    tail: str


Row = Sequence[str | Two]


@dataclass(frozen=True, slots=True)
class Section:
    """A heading, a sentence about it, a table, and perhaps the table's numbers as a plot."""

    slug: str
    title: str
    note: str
    columns: Row
    rows: Sequence[Row]
    figure: plots.Figure | None = None
    left_out: bool = False
    """Whether the section stands without rows, since its note says why nothing was measured."""

    @property
    def failed(self) -> bool:
        """Whether a check of the table failed, which no plot tells."""
        return any(isinstance(cell, Outcome) and cell == Outcome.FAIL for row in self.rows for cell in row)


def without_twin(models: Mapping[str, Any], report: Mapping[str, Any]) -> dict[str, Any]:
    """Return results by model; the source that the stage `single` consists of is one row with it, not two."""
    source = str(report.get("single"))
    if "single" not in models or source not in models or models["single"] != models[source]:
        return dict(models)
    return {_with_source(name, source): one for name, one in models.items() if name != source}


def stage_name(report: Mapping[str, Any], names: Iterable[str]) -> str:
    """Return what the chosen stage is called among the models of `without_twin`."""
    stage = str(report.get("stage"))
    with_source = _with_source(stage, report.get("single"))
    return with_source if with_source in names else stage


def _with_source(name: str, source: object) -> str:
    return f"single ({source})" if name == "single" else name


def value(metrics: Mapping[str, Any], metric: str) -> float | None:
    """Return a metric's value, None where it was not measured."""
    measured_value = metrics.get(metric, {}).get("value")
    return None if measured_value is None else float(measured_value)


def point(metrics: Mapping[str, Any]) -> float:
    """Return NDCG@10."""
    return value(metrics, METRIC) or 0.0


def ends(metrics: Mapping[str, Any]) -> tuple[float, float]:
    """Return the ends of the interval of NDCG@10; both the value where it has none."""
    one = metrics[METRIC]
    low, high = (one["value"] if one.get(end) is None else one[end] for end in ("low", "high"))
    return float(low), float(high)


def interval(metrics: Mapping[str, Any]) -> plots.Interval:
    """Return NDCG@10 with its ends."""
    return (point(metrics), *ends(metrics))


def measured(one: Mapping[str, Any] | None) -> str:
    """Return a value with its interval in words."""
    if not one or one.get("value") is None:
        return "–"
    known = one.get("low") is not None and one.get("high") is not None
    return number(one["value"]) + (f" [{span(one['low'], one['high'])}]" if known else "")


def span(low: float, high: float) -> str:
    """Return an interval in words."""
    return f"{number(low)} – {number(high)}"


def shown(one: float | None) -> str:
    """Return a check's number; what can only be a moment (seconds since 1970) as its day, never broken in two."""
    if one is None:
        return number(None)
    if BIG <= one < LATEST:
        return f"{datetime.fromtimestamp(one, UTC):%Y\u2011%m\u2011%d}"
    if one >= COUNT and one == int(one):
        return f"{one:,.0f}"
    return number(one, 4 if abs(one) < TENS else 1)


def bound(check: Mapping[str, Any]) -> str:
    """Return on which side of its bar the number of a check must lie: as it tells, or, stored before, by its name."""
    by_name = "at least" if check["name"].removeprefix(SERVED).startswith(NOT_LOWER) else "at most"
    return str(check.get("side") or by_name)


def number(one: float | None, places: int = 4) -> str:
    """Return a number, a dash where there is none."""
    return "–" if one is None or one != one else f"{one:,.{places}f}".replace("-", "−")


def yes(one: bool) -> str:
    """Return yes or no."""
    return "yes" if one else "no"


def misses(check: Mapping[str, Any]) -> bool:
    """Return whether the number of a check lies on the wrong side of its bar."""
    value, bar = check["value"], bar_of(check)
    if value is None or bar is None:
        return False
    return bool(value < bar if bound(check) == "at least" else value > bar)


def bar_of(check: Mapping[str, Any]) -> float | None:
    """Return the limit of a check of the gate, or the bar of one of data or of a night."""
    bar = check.get("limit", check.get("bar"))
    return None if bar is None else float(bar)


def outcome_of(check: Mapping[str, Any]) -> Outcome:
    """Return what a stored check came to.

    A check that passed beyond its bar warns; one without a number judges nothing; a note about small data warns.
    """
    if not check["passed"]:
        return Outcome.WARN if check.get("grade") == "notes" else Outcome.FAIL
    if check["value"] is None or bar_of(check) is None:
        return Outcome.NOT_JUDGED
    return Outcome.WARN if check.get("misses_bar", misses(check)) else Outcome.PASS

"""Draws the figures of results as SVG, for paper: scatter traces with lines, markers, areas and intervals. Pure.

plotly.js draws the same figures on the screen. An axis is linear, of dates, or of categories.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from modelops.selectors.plots import Figure

WIDE: Final = 660
LEFT, RIGHT, TOP, BOTTOM = 64, 16, 12, 46
SIDE_WIDE: Final = 190
"""The space for names of categories at the left."""
LEGEND: Final = 20
COLORS: Final = ("#2d6e62", "#a8590f", "#3f6ea8", "#9a3f6c")
INK, LINE = "#41484d", "#d5dade"
TICKS: Final = 5
MOST_LABELS: Final = 12
DASHES: Final = {"dash": "6 4", "dot": "2 3", "dashdot": "6 3 2 3", "longdash": "10 4", "longdashdot": "10 3 2 3"}


@dataclass(frozen=True, slots=True)
class Axis:
    """Where values stand between two places, and the labels. `place` of a value, `labels` as place and text."""

    place: Callable[[Any], float]
    labels: tuple[tuple[float, str], ...]


def svg_of(figure: Figure) -> SafeString:
    """Return the figure as an SVG element, which takes no room in the reading order: a table stands below it."""
    layout, traces = figure["layout"], figure["data"]
    names = [(at, one["name"]) for at, one in enumerate(traces) if layout.get("showlegend") and "name" in one]
    left = SIDE_WIDE if layout.get("yaxis", {}).get("type") == "category" else LEFT
    top, high = TOP + LEGEND * len(names), int(layout["height"])
    # Axes first: intervals and shapes need room too.
    across = _axis(layout.get("xaxis", {}), _values(traces, "x", layout), left, WIDE - RIGHT)
    up = _axis(layout.get("yaxis", {}), _values(traces, "y", layout), high - BOTTOM, top)
    return format_html(
        '<svg class="v-paper" viewBox="0 0 {} {}" width="{}" height="{}" aria-hidden="true" font-size="11" fill="{}">'
        "{}{}{}{}</svg>",
        WIDE, high, WIDE, high, INK,
        _grid(layout, across, up, (left, WIDE - RIGHT, top, high - BOTTOM)),
        _shapes(layout, across, up, (left, WIDE - RIGHT, top, high - BOTTOM)),
        format_html_join("", "{}", ((_trace(one, _series(one, at), across, up),) for at, one in enumerate(traces))),
        format_html_join("", "{}", ((_legend(traces[at], at, name, row),) for row, (at, name) in enumerate(names))),
    )  # fmt: skip


def _values(traces: Sequence[dict[str, Any]], axis: str, layout: dict[str, Any]) -> list[Any]:
    """Return all values that an axis must hold, the ends of intervals among them."""
    result: list[Any] = list(layout.get(f"{axis}axis", {}).get("categoryarray", ()))
    for trace in traces:
        values, spread = list(trace[axis]), trace.get(f"error_{axis}")
        result += [one for one in values if one is not None]
        if spread:
            result += [value + more for value, more in zip(values, spread["array"], strict=True)]
            result += [value - less for value, less in zip(values, spread["arrayminus"], strict=True)]
    return result


def _axis(layout: dict[str, Any], values: list[Any], start: float, end: float) -> Axis:
    kind = layout.get("type", "category" if any(isinstance(one, str) for one in values) else "linear")
    if kind == "category":
        names = list(dict.fromkeys(values))
        step = (end - start) / max(len(names), 1)
        places = {name: start + step * (at + 0.5) for at, name in enumerate(names)}
        every = max(1, math.ceil(len(names) / MOST_LABELS))
        return Axis(lambda one: places[one], tuple((places[one], str(one)) for one in names[::every]))
    to_number: Callable[[Any], float] = _seconds if kind == "date" else float
    numbers = [to_number(one) for one in values] or [0.0]
    low, high = min(numbers), max(numbers)
    if layout.get("rangemode") == "tozero":
        low = min(low, 0.0)
    if high == low:
        low, high = low - 1, high + 1
    margin = 0.04 * (high - low)
    low, high = (low if layout.get("rangemode") == "tozero" and low == 0 else low - margin), high + margin
    if "range" in layout:
        low, high = map(to_number, layout["range"])

    def place(value: Any) -> float:
        return start + (end - start) * (to_number(value) - low) / (high - low)

    if kind == "date":
        ticks = [low + (high - low) * (at + 0.5) / TICKS for at in range(TICKS)]
        texts = [f"{datetime.fromtimestamp(one, UTC):%m-%d %H:%M}" for one in ticks]
        return Axis(place, tuple((start + (end - start) * (at + 0.5) / TICKS, text) for at, text in enumerate(texts)))
    return Axis(place, tuple((place(one), f"{one:,.6g}") for one in _ticks(low, high)))


def _ticks(low: float, high: float) -> list[float]:
    """Return round numbers between the ends."""
    raw = (high - low) / TICKS
    size = 10 ** math.floor(math.log10(raw))
    step = next(size * one for one in (1, 2, 5, 10) if size * one >= raw)
    return [step * at for at in range(math.ceil(low / step), math.floor(high / step) + 1)]


def _seconds(value: str) -> float:
    return datetime.fromisoformat(value).replace(tzinfo=UTC).timestamp()


Box = tuple[float, float, float, float]
"""Left, right, top and bottom of the plot."""


def _grid(layout: dict[str, Any], across: Axis, up: Axis, box: Box) -> SafeString:
    left, right, top, bottom = box
    rows = format_html_join(
        "",
        '<line x1="{}" x2="{}" y1="{}" y2="{}" stroke="{}"/><text x="{}" y="{}" text-anchor="end">{}</text>',
        ((left, right, _n(at), _n(at), LINE, left - 6, _n(at + 4), text) for at, text in up.labels),
    )
    columns = format_html_join(
        "",
        '<text x="{}" y="{}" text-anchor="middle">{}</text>',
        ((_n(at), bottom + 16, text) for at, text in across.labels),
    )
    title = layout.get("xaxis", {}).get("title", {}).get("text", "")
    side = layout.get("yaxis", {}).get("title", {}).get("text", "")
    return format_html(
        '{}{}<text x="{}" y="{}" text-anchor="middle">{}</text>'
        '<text transform="translate(12 {}) rotate(-90)" text-anchor="middle">{}</text>',
        rows, columns, _n((left + right) / 2), bottom + 36, title, _n((top + bottom) / 2), side,
    )  # fmt: skip


def _shapes(layout: dict[str, Any], across: Axis, up: Axis, box: Box) -> SafeString:
    left, right, top, bottom = box
    lines = []
    for one in layout.get("shapes", ()):
        xs = (left, right) if one.get("xref") == "paper" else (across.place(one["x0"]), across.place(one["x1"]))
        ys = (bottom, top) if one.get("yref") == "paper" else (up.place(one["y0"]), up.place(one["y1"]))
        if left <= min(xs) and max(xs) <= right and top <= min(ys) and max(ys) <= bottom:
            lines.append((_n(xs[0]), _n(xs[1]), _n(ys[0]), _n(ys[1]), INK))
    return format_html_join("", '<line x1="{}" x2="{}" y1="{}" y2="{}" stroke="{}" stroke-dasharray="3 3"/>', lines)


def _series(trace: dict[str, Any], at: int) -> int:
    return int((trace.get("meta") or {}).get("series", at))


def _trace(trace: dict[str, Any], series: int, across: Axis, up: Axis) -> SafeString:
    color = COLORS[series % len(COLORS)]
    apart = 7 * series if "offsetgroup" in trace else 0  # dots of one name stand below each other
    points = [
        (across.place(x), up.place(y) + apart)
        for x, y in zip(trace["x"], trace["y"], strict=True)
        if x is not None and y is not None
    ]
    path = " ".join(f"{_n(x)},{_n(y)}" for x, y in points)
    if trace.get("fill") == "toself":
        return format_html('<polygon points="{}" fill="{}" fill-opacity=".18"/>', path, color)
    dash = DASHES.get(trace.get("line", {}).get("dash", ""), "")
    line = format_html(
        '<polyline points="{}" fill="none" stroke="{}" stroke-width="1.6" stroke-dasharray="{}"/>', path, color, dash
    )
    symbols = trace.get("marker", {}).get("symbol", "")
    shapes = symbols if isinstance(symbols, list) else [symbols] * len(points)
    dots = format_html_join("", "{}", ((_dot(x, y, one, color),) for (x, y), one in zip(points, shapes, strict=True)))
    spread = _spread(trace, apart, across, up, color)
    return format_html("{}{}{}", line if "lines" in trace["mode"] else "", spread, dots)


def _dot(x: float, y: float, symbol: str, color: str) -> SafeString:
    """Return a dot, or the arrow that such a symbol means; the lines of a series are told apart by their dashes."""
    way = {"triangle-left": -1, "triangle-right": 1}.get(symbol)
    if way is None:
        return format_html('<circle cx="{}" cy="{}" r="3" fill="{}"/>', _n(x), _n(y), color)
    corners = ((x + 5 * way, y), (x - 3 * way, y - 5), (x - 3 * way, y + 5))
    return format_html('<polygon points="{}" fill="{}"/>', " ".join(f"{_n(a)},{_n(b)}" for a, b in corners), color)


def _spread(trace: dict[str, Any], apart: float, across: Axis, up: Axis, color: str) -> SafeString:
    """Return the lines of a trace's intervals, which lie along one axis."""
    lines: list[tuple[float, float, float, float]] = []
    for axis in ("x", "y"):
        if (ends := trace.get(f"error_{axis}")) is None:
            continue
        for x, y, less, more in zip(trace["x"], trace["y"], ends["arrayminus"], ends["array"], strict=True):
            if axis == "x":
                lines.append((across.place(x - less), across.place(x + more), up.place(y) + apart, up.place(y) + apart))
            else:
                lines.append((across.place(x), across.place(x), up.place(y - less), up.place(y + more)))
    return format_html_join(
        "",
        '<line x1="{}" x2="{}" y1="{}" y2="{}" stroke="{}" stroke-width="1.6"/>',
        ((*map(_n, one), color) for one in lines),
    )


def _legend(trace: dict[str, Any], at: int, name: str, row: int) -> SafeString:
    color, y = COLORS[_series(trace, at) % len(COLORS)], TOP + LEGEND * row
    return format_html(
        '<circle cx="{}" cy="{}" r="4" fill="{}"/><text x="{}" y="{}">{}</text>',
        LEFT + 6,
        y,
        color,
        LEFT + 16,
        y + 4,
        name,
    )


def _n(value: float) -> str:
    return f"{value:.1f}"

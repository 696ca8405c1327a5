"""Figures as plotly.js reads them: plain JSON. Pure.

The page, which knows light and dark, puts colors of its own in place of these; no line is told by its color alone.
"""

from collections.abc import Sequence
from typing import Any

Figure = dict[str, Any]
Interval = tuple[float, float, float]
"""Value, low end, high end."""
HEIGHT, ROW = 300, 22
DARK, PALE = "#4f9f8f", "#a9d5ca"
"""What was chosen, and what was not."""
SYMBOLS = ("circle", "square", "diamond", "triangle-up", "x", "star")
DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")
NAME_WIDE, NAME_HIGH = 0.3, 0.08
"""What a name takes of a plot that is as narrow as a phone, as shares of its width and height."""


def bars(names: Sequence[str], values: Sequence[Interval], *, title: str, chosen: Sequence[int] = ()) -> Figure:
    """Return upright bars with their 95 % intervals; the chosen ones are told to the page, which colors them."""
    spread = {
        "type": "data",
        "symmetric": False,
        "array": [high - value for value, _, high in values],
        "arrayminus": [value - low for value, low, _ in values],
        "thickness": 1.5,
    }
    trace: dict[str, Any] = {
        "type": "bar",
        "x": list(names),
        "y": [value for value, _, _ in values],
        "error_y": spread,
        "width": [min(0.8, 0.12 * max(len(names), 2))] * len(names),
        "marker": {"color": _shades(len(names), chosen)},
        "meta": {"chosen": list(chosen)},
    }
    return {"data": [trace], "layout": {"yaxis": {"title": {"text": title}, "rangemode": "tozero"}, "height": HEIGHT}}


def lying_bars(names: Sequence[str], values: Sequence[float], *, title: str) -> Figure:
    """Return bars from left to right, the first name on top."""
    trace = {"type": "bar", "orientation": "h", "y": list(names), "x": list(values)}
    layout = {
        "xaxis": {"title": {"text": title}},
        "yaxis": {"autorange": "reversed", "automargin": True},
        "height": 90 + ROW * max(len(names), 3),
    }
    return {"data": [trace], "layout": layout}


def points(names: Sequence[str], places: Sequence[tuple[float, float]], *, x: str, y: str) -> Figure:
    """Return points, the first one chosen; a name that would lie on an earlier one shows when pointed at."""
    written = _apart(places)
    trace = {
        "type": "scatter",
        "mode": "markers+text",
        "x": [across for across, _ in places],
        "y": [up for _, up in places],
        "text": [name if at in written else "" for at, name in enumerate(names)],
        "hovertext": list(names),
        "hoverinfo": "text+x+y",
        "textposition": "top center",
        "cliponaxis": False,
        "marker": {"size": 10, "color": _shades(len(names), [0])},
        "meta": {"chosen": [0]},
    }
    return {"data": [trace], "layout": _axes(x, y) | {"height": 360, "margin": {"l": 56, "r": 48, "t": 36, "b": 48}}}


def _apart(places: Sequence[tuple[float, float]]) -> set[int]:
    """Return the points whose names fit beside those of the points before them."""
    wide, high = (max((abs(one[axis] - two[axis]) for one in places for two in places), default=0) for axis in (0, 1))
    written: list[int] = []
    for at, (across, up) in enumerate(places):
        beside = (places[other] for other in written)
        if all(abs(across - x) > NAME_WIDE * wide or abs(up - y) > NAME_HIGH * high for x, y in beside):
            written.append(at)
    return set(written)


def lines(xs: Sequence[Any], series: Sequence[tuple[str, Sequence[float | None]]], *, x: str, y: str) -> Figure:
    """Return one line per series over the same places."""
    traces = [
        {
            "type": "scatter",
            "mode": "lines+markers",
            "name": name,
            "x": list(xs),
            "y": list(values),
            "marker": {"symbol": SYMBOLS[at % len(SYMBOLS)], "size": 8},
            "line": {"dash": DASHES[at % len(DASHES)]},
        }
        for at, (name, values) in enumerate(series)
    ]
    height = HEIGHT + ROW * len(series)  # on a phone the legend takes a row a line
    axes = _axes(x, y)
    if any(isinstance(one, str) for one in xs):
        axes["xaxis"]["type"] = "category"  # names of versions and days are no numbers to be spaced by
    return {"data": traces, "layout": axes | {"height": height, "showlegend": True}}


def _shades(count: int, chosen: Sequence[int]) -> list[str]:
    return [DARK if at in chosen else PALE for at in range(count)]


def _axes(x: str, y: str) -> Figure:
    return {"xaxis": {"title": {"text": x}}, "yaxis": {"title": {"text": y}, "rangemode": "tozero"}}

"""Figures as plotly.js reads them: plain JSON. Pure.

The page replaces the colors according to its light or dark mode; no line is distinguished by color alone.
"""

from collections.abc import Sequence
from typing import Any

Figure = dict[str, Any]
Interval = tuple[float, float, float]
"""Value, low end, high end."""
HEIGHT, ROW = 300, 22
DARK, PALE = "#4f9f8f", "#a9d5ca"
"""Colors of chosen and of other values."""
SYMBOLS = ("circle", "square", "diamond", "triangle-up", "x", "star")
DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")
NAME_WIDE, NAME_HIGH = 0.3, 0.08
"""The space of a name on a phone, as shares of the plot's width and height."""


def bars(names: Sequence[str], values: Sequence[Interval], *, title: str, chosen: Sequence[int] = ()) -> Figure:
    """Return vertical bars with 95 % intervals; `meta` lists the chosen ones for the page to color."""
    trace: dict[str, Any] = {
        "type": "bar",
        "x": list(names),
        "y": [value for value, _, _ in values],
        "error_y": _spread(values),
        "width": [min(0.8, 0.12 * max(len(names), 2))] * len(names),
        "marker": {"color": _shades(len(names), chosen)},
        "meta": {"chosen": list(chosen)},
    }
    return {"data": [trace], "layout": {"yaxis": {"title": {"text": title}, "rangemode": "tozero"}, "height": HEIGHT}}


def lying_bars(names: Sequence[str], values: Sequence[float], *, title: str) -> Figure:
    """Return horizontal bars, the first name on top."""
    trace = {"type": "bar", "orientation": "h", "y": list(names), "x": list(values)}
    layout = {
        "xaxis": {"title": {"text": title}},
        "yaxis": {"autorange": "reversed", "automargin": True},
        "height": 90 + ROW * max(len(names), 3),
    }
    return {"data": [trace], "layout": layout}


def points(names: Sequence[str], places: Sequence[tuple[float, float]], *, x: str, y: str) -> Figure:
    """Return points, the first one chosen; a name that would overlap an earlier one shows on hover only."""
    with_name = _apart(places)
    trace = {
        "type": "scatter",
        "mode": "markers+text",
        "x": [across for across, _ in places],
        "y": [up for _, up in places],
        "text": [name if at in with_name else "" for at, name in enumerate(names)],
        "hovertext": list(names),
        "hoverinfo": "text+x+y",
        "textposition": "top center",
        "cliponaxis": False,
        "marker": {"size": 10, "color": _shades(len(names), [0])},
        "meta": {"chosen": [0]},
    }
    return {"data": [trace], "layout": _axes(x, y) | {"height": 360, "margin": {"l": 56, "r": 48, "t": 36, "b": 48}}}


def dots(names: Sequence[str], series: Sequence[tuple[str, Sequence[Interval | None]]], *, title: str) -> Figure:
    """Return a dot with its 95 % interval for each name and series; dots of one name stand side by side."""
    traces = [
        {
            "type": "scatter",
            "mode": "markers",
            "name": name,
            "x": [one for one, interval in zip(names, values, strict=True) if interval is not None],
            "y": [interval[0] for interval in values if interval is not None],
            "error_y": _spread([interval for interval in values if interval is not None]),
            "marker": {"symbol": SYMBOLS[at % len(SYMBOLS)], "size": 9},
        }
        for at, (name, values) in enumerate(series)
    ]
    layout = {
        "xaxis": {"type": "category", "categoryorder": "array", "categoryarray": list(names)},
        "yaxis": {"title": {"text": title}},
        "scattermode": "group",
        "scattergap": 0.6,
        "height": HEIGHT + ROW * len(series),
        "showlegend": len(series) > 1,
    }
    return {"data": traces, "layout": layout}


def _spread(values: Sequence[Interval]) -> dict[str, Any]:
    return {
        "type": "data",
        "symmetric": False,
        "array": [high - value for value, _, high in values],
        "arrayminus": [value - low for value, low, _ in values],
        "thickness": 1.5,
    }


def _apart(places: Sequence[tuple[float, float]]) -> set[int]:
    """Return the points whose names do not overlap those of earlier points."""
    wide, high = (max((abs(one[axis] - two[axis]) for one in places for two in places), default=0) for axis in (0, 1))
    with_name: list[int] = []
    for at, (across, up) in enumerate(places):
        earlier = (places[other] for other in with_name)
        if all(abs(across - x) > NAME_WIDE * wide or abs(up - y) > NAME_HIGH * high for x, y in earlier):
            with_name.append(at)
    return set(with_name)


def lines(xs: Sequence[Any], series: Sequence[tuple[str, Sequence[float | None]]], *, x: str, y: str) -> Figure:
    """Return one line per series over the same x values."""
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
    height = HEIGHT + ROW * len(series)  # on a phone the legend has one row per line
    axes = _axes(x, y)
    if any(isinstance(one, str) for one in xs):
        axes["xaxis"]["type"] = "category"  # version names and days are no numbers
    return {"data": traces, "layout": axes | {"height": height, "showlegend": True}}


def annotate(figure: Figure, notes: Sequence[tuple[Any, str]]) -> None:
    """Add vertical lines at x values to a figure, numbered above the plot; the text shows on hover."""
    layout = figure["layout"]
    line = {"color": "#8a8f98", "width": 1, "dash": "dot"}  # readable on light and dark
    layout["shapes"] = [
        {"type": "line", "x0": x, "x1": x, "yref": "paper", "y0": 0, "y1": 1, "line": line} for x, _ in notes
    ]
    layout["annotations"] = [
        {
            "x": x,
            "yref": "paper",
            "y": 1,
            "yanchor": "bottom",
            "showarrow": False,
            "text": f"▼{number}",
            "hovertext": text,
        }
        for number, (x, text) in enumerate(notes, 1)
    ]


def _shades(count: int, chosen: Sequence[int]) -> list[str]:
    return [DARK if at in chosen else PALE for at in range(count)]


def _axes(x: str, y: str) -> Figure:
    return {"xaxis": {"title": {"text": x}}, "yaxis": {"title": {"text": y}, "rangemode": "tozero"}}

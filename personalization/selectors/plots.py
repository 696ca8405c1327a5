"""Figures as plotly.js reads them: plain JSON. Colours are left to the page, which knows light and dark. Pure."""

from collections.abc import Sequence
from typing import Any

Figure = dict[str, Any]
Interval = tuple[float, float, float]
"""Value, low end, high end."""
HEIGHT, ROW = 300, 22


def bars(names: Sequence[str], values: Sequence[Interval], *, title: str) -> Figure:
    """Return upright bars with their 95 % intervals."""
    spread = {
        "type": "data",
        "symmetric": False,
        "array": [high - value for value, _, high in values],
        "arrayminus": [value - low for value, low, _ in values],
        "thickness": 1.5,
    }
    trace = {"type": "bar", "x": list(names), "y": [value for value, _, _ in values], "error_y": spread}
    trace["width"] = [min(0.8, 0.12 * max(len(names), 2))] * len(names)
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
    """Return named points."""
    order = sorted(range(len(names)), key=lambda at: places[at])
    trace = {
        "type": "scatter",
        "mode": "markers+text",
        "x": [places[at][0] for at in order],
        "y": [places[at][1] for at in order],
        "text": [names[at] for at in order],
        # Neighbours' names would lie on each other.
        "textposition": ["top center" if at % 2 else "bottom center" for at in range(len(order))],
        "cliponaxis": False,
        "marker": {"size": 10},
    }
    return {"data": [trace], "layout": _axes(x, y) | {"height": 360}}


def lines(xs: Sequence[Any], series: Sequence[tuple[str, Sequence[float | None]]], *, x: str, y: str) -> Figure:
    """Return one line per series over the same places."""
    traces = [
        {"type": "scatter", "mode": "lines+markers", "name": name, "x": list(xs), "y": list(values)}
        for name, values in series
    ]
    return {"data": traces, "layout": _axes(x, y) | {"height": HEIGHT, "showlegend": True}}


def _axes(x: str, y: str) -> Figure:
    return {"xaxis": {"title": {"text": x}}, "yaxis": {"title": {"text": y}, "rangemode": "tozero"}}

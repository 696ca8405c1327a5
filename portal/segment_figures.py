"""Figures of the segments explorer, as plotly.js reads them. Pure."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from modelops.selectors import plots

MOST_LINES = 6
MOST_FLOWS = 12


def sizes(series: Mapping[str, Sequence[tuple[datetime, int]]], names: Mapping[str, str]) -> plots.Figure:
    """Return a line for each segment over its own hours."""
    traces = [
        {
            "type": "scatter",
            "mode": "lines+markers",
            "name": names.get(key, key),
            "x": [hour.isoformat() for hour, _ in points],
            "y": [members for _, members in points],
            "marker": {"symbol": plots.SYMBOLS[at % len(plots.SYMBOLS)], "size": 7},
            "line": {"dash": plots.DASHES[at % len(plots.DASHES)]},
        }
        for at, (key, points) in enumerate(list(series.items())[:MOST_LINES])
    ]
    axes = {"xaxis": {"type": "date"}, "yaxis": {"title": {"text": "members"}, "rangemode": "tozero"}}
    height = plots.HEIGHT + plots.ROW * len(traces)
    return {"data": traces, "layout": {**axes, "height": height, "showlegend": True}}


def flows(rows: Sequence[tuple[str, str, int]]) -> plots.Figure:
    """Return a bar for each of the largest flows."""
    largest = rows[:MOST_FLOWS]
    return plots.lying_bars([f"{a} → {b}" for a, b, _ in largest], [people for _, _, people in largest], title="people")


def differences(rows: Sequence[tuple[str, float]]) -> plots.Figure:
    """Return a bar for each feature, in standard deviations from all shoppers."""
    return plots.lying_bars(
        [title for title, _ in rows], [round(value, 2) for _, value in rows], title="standard deviations from all"
    )


def shopper_map(points: Mapping[str, Sequence[tuple[float, float]]]) -> plots.Figure:
    """Return the points of each segment with a symbol of their own."""
    traces: list[dict[str, Any]] = [
        {
            "type": "scatter",
            "mode": "markers",
            "name": name or "no segment",
            "x": [round(x, 3) for x, _ in places],
            "y": [round(y, 3) for _, y in places],
            "marker": {"symbol": plots.SYMBOLS[at % len(plots.SYMBOLS)], "size": 7},
            "hoverinfo": "name",
        }
        for at, (name, places) in enumerate(points.items())
    ]
    axis = {"title": {"text": ""}, "showticklabels": False, "zeroline": False}
    layout = {"xaxis": axis, "yaxis": axis, "height": 460 + plots.ROW * len(traces), "showlegend": True}
    return {"data": traces, "layout": layout}

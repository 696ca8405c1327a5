"""Figures of results, as plotly.js reads them and `svg` draws them. Effects are relative, in percent. Pure."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from experiments.results import ArmComparison, Effect, ExperimentResults, MetricResult
from experiments.selectors.story import LookPoint, Story
from modelops.selectors.plots import DASHES, HEIGHT, ROW, SYMBOLS, Figure, Interval, lines
from portal.experiments.texts import ends, shop_time

EFFECT: Final = "effect on the goal, percent"
ROUNDING: Final = 1e-6
"""By how much sums of rounded numbers may differ."""
ZERO: Final = {"color": "#8a8f98", "width": 1, "dash": "dot"}
"""The line of no effect; readable on light and dark."""
LEAST_SPAN: Final = timedelta(hours=1)
"""What an axis of times shows at least: among a few looks, labels would be milliseconds."""


def funnel(
    results: ExperimentResults, looks: Sequence[LookPoint], names: Mapping[str, str], *, since: datetime | None = None
) -> Figure | None:
    """Return the goal's effect with its interval at each look and now, an area and a line for each arm.

    The time runs from `since`, so that the first look is not alone on an axis of milliseconds.
    """
    goal = results.goal
    if goal is None:
        return None
    series = {one.arm: _course(one, looks, results) for one in goal.comparisons}
    traces: list[dict[str, Any]] = []
    for at, (arm, course) in enumerate((arm, course) for arm, course in series.items() if course):
        times = [_plain(time) for time, _ in course]
        line: dict[str, Any] = {
            "type": "scatter",
            "mode": "lines+markers",
            "name": names.get(arm, arm),
            "x": times,
            "y": [interval[0] for _, interval in course],
            "marker": {"symbol": SYMBOLS[at % len(SYMBOLS)], "size": 6},
            "line": {"dash": DASHES[at % len(DASHES)]},
            "meta": {"series": at},
        }
        values = [interval for _, interval in course]
        traces += [_band(times, values, at), line] if len(course) > 1 else [{**line, "error_y": _spread(values)}]
    if not traces:
        return None
    n_lines = sum("name" in one for one in traces)
    times_of_all = [time for course in series.values() for time, _ in course]
    layout = {
        "xaxis": {"type": "date", **_widened([*times_of_all, *([] if since is None else [shop_time(since)])])},
        "yaxis": {"title": {"text": EFFECT}},
        "shapes": [_no_effect("x")],
        "height": HEIGHT + ROW * n_lines,
        "showlegend": True,
    }
    return {"data": traces, "layout": layout}


def intervals(names: Sequence[str], series: Sequence[tuple[str, Sequence[Interval | None]]], *, title: str) -> Figure:
    """Return a dot with its interval for each name and series, one name below the other."""
    traces = [
        {
            "type": "scatter",
            "mode": "markers",
            "name": name,
            "x": [interval[0] for interval in values if interval is not None],
            "y": [one for one, interval in zip(names, values, strict=True) if interval is not None],
            "error_x": _spread([interval for interval in values if interval is not None]),
            "marker": {"symbol": SYMBOLS[at % len(SYMBOLS)], "size": 9},
            "offsetgroup": str(at),
            "meta": {"series": at},
        }
        for at, (name, values) in enumerate(series)
    ]
    layout = {
        "xaxis": {"title": {"text": title}},
        "yaxis": {"type": "category", "categoryorder": "array", "categoryarray": list(names)[::-1]},
        "shapes": [_no_effect("y")],
        "scattermode": "group",
        "scattergap": 0.5,
        "height": 110 + ROW * (len(names) * max(len(series), 2) // 2 + len(series)),
        "showlegend": len(series) > 1,
    }
    return {"data": traces, "layout": layout}


def metric_intervals(results: ExperimentResults, names: Mapping[str, str]) -> Figure | None:
    """Return the relative effect of each arm on each metric."""
    metrics = [(one.name, one.comparisons) for one in results.metrics]
    return compared(metrics, names, title="effect, percent")


def compared(
    rows: Sequence[tuple[str, Sequence[ArmComparison]]], names: Mapping[str, str], *, title: str = EFFECT
) -> Figure | None:
    """Return the relative effects of named rows, a series for each arm; None where nothing can be drawn yet."""
    arms = list(dict.fromkeys(one.arm for _, comparisons in rows for one in comparisons))
    series = [(names.get(arm, arm), [_of_arm(comparisons, arm) for _, comparisons in rows]) for arm in arms]
    with_values = [(name, values) for name, values in series if any(values)]
    return intervals([name for name, _ in rows], with_values, title=title) if with_values else None


def lately(rows: Sequence[tuple[str, Sequence[ArmComparison]]], names: Mapping[str, str]) -> Figure | None:
    """Return the relative effects of the last days, the shortest time first, on an axis that holds the later rows.

    The interval of a single day may be a hundred times as wide. Where it goes on, an arrow says so.
    """
    figure = compared(rows, names)
    later = [_interval(one.relative) for _, comparisons in rows[1:] for one in comparisons]
    ends_of_later = [end for interval in later if interval is not None for end in interval]
    if figure is None or not ends_of_later:
        return figure
    values = [value for trace in figure["data"] for value in trace["x"]]
    low, high = min(*values, *ends_of_later), max(*values, *ends_of_later)
    arrows = [_clip(trace, low, high) for trace in figure["data"]]
    return {**figure, "data": [*figure["data"], *(one for one in arrows if one["x"])]}


def daily(goal: MetricResult, names: Mapping[str, str]) -> Figure | None:
    """Return the goal's value of each arm, by the day of the first exposure."""
    if len(goal.days) < 2:
        return None
    arms = list(dict.fromkeys(one.arm for day in goal.days for one in day.arms))
    scale = 100 if goal.display == "share" else 1
    by_day = [{one.arm: one.value for one in day.arms} for day in goal.days]
    series = [(names.get(arm, arm), [_scaled(values.get(arm), scale) for values in by_day]) for arm in arms]
    unit = f"{goal.name.lower()}{', percent' if scale == 100 else ''}"
    return lines([f"{day.day:%m-%d}" for day in goal.days], series, x="day of the first exposure", y=unit)


def quantiles(metric: MetricResult, names: Mapping[str, str]) -> Figure | None:
    """Return the quantiles of units in each arm; None for a metric without."""
    shares = sorted({share for one in metric.arms for share in one.quantiles})
    if not shares:
        return None
    series = [
        (names.get(one.arm, one.arm), [_scaled(one.quantiles.get(share), 1) for share in shares]) for one in metric.arms
    ]
    return lines([f"{share:.0%}" for share in shares], series, x="share of visitors", y=metric.name.lower())


def factor_effects(results: ExperimentResults) -> Figure | None:
    """Return level effects and interactions of a multivariate design, in the goal's unit."""
    goal = results.goal
    if goal is None or not results.factors:
        return None
    scale = 100 if goal.display == "share" else 1
    values = [_interval(one.effect, scale) for one in results.factors]
    unit = "points" if scale == 100 else goal.name.lower()
    return intervals([one.name for one in results.factors], [("effect", values)], title=f"effect, {unit}")


def interaction(results: ExperimentResults, story: Story) -> Figure | None:
    """Return the goal over the levels of the first factor, a line for each combination of the others.

    Parallel lines mean that the factors do not depend on each other.
    """
    goal = results.goal
    if goal is None or len(story.factors) < 2:
        return None
    first, *others = story.factors
    values = {one.arm: one.value for one in goal.arms}
    cells = {
        (levels.get(first, ""), ", ".join(f"{name} {levels.get(name)}" for name in others)): values.get(arm)
        for arm, levels in story.levels.items()
    }
    scale = 100 if goal.display == "share" else 1
    rest = list(dict.fromkeys(other for _, other in cells))
    series = [(other, [_scaled(cells.get((level, other)), scale) for level in story.factors[first]]) for other in rest]
    unit = f"{goal.name.lower()}{', percent' if scale == 100 else ''}"
    figure = lines(story.factors[first], series, x=first, y=unit)
    figure["layout"]["yaxis"].pop("rangemode", None)  # what matters is whether lines are parallel
    return figure


def _course(
    comparison: ArmComparison, looks: Sequence[LookPoint], results: ExperimentResults
) -> list[tuple[datetime, Interval]]:
    """Return an arm's effect at each look that had one, and now."""
    course = [(shop_time(point.at), _of_look(point, comparison.arm)) for point in looks if point.at < results.at]
    course.append((shop_time(results.at), _interval(comparison.relative)))
    return [(time, interval) for time, interval in course if interval is not None]


def _of_look(point: LookPoint, arm: str) -> Interval | None:
    relative = next((one.get("relative") for one in point.comparisons if one.get("arm") == arm), None)
    if not relative:
        return None
    return _interval(Effect(relative.get("value"), relative.get("low"), relative.get("high")))


def _of_arm(comparisons: Sequence[ArmComparison], arm: str) -> Interval | None:
    return next((_interval(one.relative) for one in comparisons if one.arm == arm), None)


def _interval(effect: Effect, scale: float = 100) -> Interval | None:
    numbers = ends(effect, scale=scale)
    return None if numbers is None else (round(numbers[0], 4), round(numbers[1], 4), round(numbers[2], 4))


def _scaled(value: float | None, scale: float) -> float | None:
    return None if value is None else round(scale * value, 4)


def _band(times: Sequence[str], course: Sequence[Interval], at: int) -> dict[str, Any]:
    """Return the area between the ends of intervals."""
    return {
        "type": "scatter",
        "mode": "lines",
        "x": [*times, *reversed(times)],
        "y": [*(high for _, _, high in course), *(low for _, low, _ in reversed(course))],
        "fill": "toself",
        "hoverinfo": "skip",
        "showlegend": False,
        "meta": {"band": True, "series": at},
    }


def _spread(values: Sequence[Interval]) -> dict[str, Any]:
    """Return how far intervals reach from their values."""
    return {
        "type": "data",
        "symmetric": False,
        "array": [high - value for value, _, high in values],
        "arrayminus": [value - low for value, low, _ in values],
        "thickness": 1.5,
    }


def _clip(trace: dict[str, Any], low: float, high: float) -> dict[str, Any]:
    """Cut a trace's intervals at the ends of the axis; return arrows where they go on. Pointed at, a dot says all."""
    spread, xs, ys, symbols = trace["error_x"], [], [], []
    trace |= {"text": [], "hoverinfo": "y+text+name"}
    for value, name, less, more in zip(trace["x"], trace["y"], spread["arrayminus"], spread["array"], strict=True):
        trace["text"].append(f"{value:+.1f} % [{value - less:+.1f}, {value + more:+.1f}]")
        is_beyond = (less > value - low + ROUNDING, more > high - value + ROUNDING)
        beyond = [(low, "triangle-left")] * is_beyond[0] + [(high, "triangle-right")] * is_beyond[1]
        xs += [x for x, _ in beyond]
        ys += [name] * len(beyond)
        symbols += [symbol for _, symbol in beyond]
    spread["arrayminus"] = [
        min(less, value - low) for value, less in zip(trace["x"], spread["arrayminus"], strict=True)
    ]
    spread["array"] = [min(more, high - value) for value, more in zip(trace["x"], spread["array"], strict=True)]
    return {
        "type": "scatter",
        "mode": "markers",
        "x": xs,
        "y": ys,
        "marker": {"symbol": symbols, "size": 10},
        "hoverinfo": "skip",
        "showlegend": False,
        "offsetgroup": trace["offsetgroup"],
        "meta": trace["meta"],
    }


def _widened(times: Sequence[datetime]) -> dict[str, Any]:
    """Return the range of an axis of these times, which is an hour at least."""
    first, last = min(times), max(times)
    if last - first >= LEAST_SPAN:
        return {"range": [_plain(first), _plain(last)]}
    return {"range": [_plain(first - LEAST_SPAN / 2), _plain(last + LEAST_SPAN / 2)]}


def _plain(time: datetime) -> str:
    """Return a time as plotly.js reads it, which knows no zones."""
    return time.replace(tzinfo=None).isoformat()


def _no_effect(along: str) -> dict[str, Any]:
    """Return the line of no effect: along x it lies at y = 0."""
    if along == "x":
        return {"type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": 0, "y1": 0, "line": ZERO}
    return {"type": "line", "yref": "paper", "y0": 0, "y1": 1, "x0": 0, "x1": 0, "line": ZERO}

"""May it run, and how does it: gate, data, steadiness, time, drift, and known against new products over time."""

from collections.abc import Mapping, Sequence
from typing import Any

from modelops.models import ModelDrift, ModelVersion
from modelops.selectors import plots
from modelops.selectors.report.check_lines import counts_of, lines_of
from modelops.selectors.report.section import (
    FEED,
    METRIC,
    SERVED,
    Outcome,
    Section,
    Two,
    bound,
    number,
    outcome_of,
    shown,
    value,
)

SHARES = {"p50": "half", "p95": "95 %", "p99": "99 %"}
NIGHTS, VERSIONS = 30, 60
"""How many of the latest are told of."""
EXPOSURE = ("gini", "coverage", "supplier share", "popularity lift", "new items")


def gate(verdict: Mapping[str, Any]) -> Section | None:
    """Return every check of the gate with its number and its limit, what failed first."""
    lines = lines_of(verdict)
    rows = [
        (one.status, Two(one.title, one.detail), Two(one.measured, one.bar) if one.measured else "") for one in lines
    ]
    note = (
        f"{counts_of(lines)}. Held against {verdict.get('reference', 'nothing')} on the same shoppers and window, "
        "which neither saw. Intervals are drawn anew from these shoppers, and so not quite those of the same numbers "
        "below. A warning misses its bar and refuses nobody, since it is no worse than the reference, or chance."
    )
    return Section("gate", "Gate", note, ("Outcome", "Check", "Measured"), rows)


def against(check: Mapping[str, Any], limit: float | None) -> Two:
    """Return a check's number over its limit, and on which side of it the number must lie."""
    return Two(shown(check["value"]), "" if limit is None else f"{bound(check)} {shown(limit)}")


def _barred(check: Mapping[str, Any]) -> Two:
    """Return the number of a check of data, steadiness or a night over its bar; notes tell how many there were."""
    if check.get("grade") != "notes" or check["value"] is None:
        return against(check, check["bar"])
    return Two(number(check["value"], 0), f"{bound(check)} {number(check['bar'], 0)}")


def data(report: Mapping[str, Any]) -> Section | None:
    """Return what cleaning took and filled in, how columns are scaled, and the checks of what is left."""
    sizes = report.get("data", {})
    removed = [
        ("", Two(f"removed: {one['rule']}", one["reason"]), f"{one['rows']:,}") for one in sizes.get("removed", ())
    ]
    imputed = [
        ("", Two(f"missing: {one['column']}", one["rule"]), f"{one['values']:,}") for one in sizes.get("imputed", ())
    ]
    scaled = [("", Two(f"scaled: {column}", how), "") for column, how in sizes.get("scaled", {}).items()]
    rows = [(outcome_of(one), Two(one["name"], one["message"]), _barred(one)) for one in report.get("data_checks", ())]
    counts = " of ".join(f"{sizes[part]:,} {part}" for part in ("interactions", "shoppers") if part in sizes)
    counts += f"; the catalog holds {sizes['items']:,} products, touched or not" if "items" in sizes else ""
    note = f"Learnt from {counts}. The checks against the live version's data are on the training run."
    return Section("data", "Data", note, ("Outcome", "Check", "Measured"), [*rows, *removed, *imputed, *scaled])


def stability(report: Mapping[str, Any]) -> Section | None:
    """Return how much of the answers of the version that was live then is kept."""
    one = report.get("stability")
    rows = [(outcome_of(one), "overlap@10", _barred(one))] if one else []
    note = "How much of the first ten that the version live at the time answers to the same questions is kept."
    return Section("stability", "Steadiness", note, ("Outcome", "Check", "Measured"), rows)


def speed(version: ModelVersion) -> Section | None:
    """Return how long one list took in the training process, beside what the gate timed."""
    times = version.report.get("latency_ms", {})
    rows = [(SHARES.get(name, name), f"{took:.1f} ms") for name, took in times.items() if took is not None]
    gate_time = next((one["value"] for one in version.gate.get("checks", ()) if one["name"] == "latency"), None)
    note = (
        "Of ten products for one shopper, in the training process beside all else it does: no shopper waits that long. "
        + ("" if gate_time is None else f"The gate timed the answer alone: 99 % within {gate_time:.1f} ms.")
    )
    return Section("speed", "Time for one list, during the training", note, ("Share of lists", "At most"), rows)


def drift(version: ModelVersion) -> Section | None:
    """Return the nightly readings of the traffic while this version was live, the latest first."""
    nights = _nights(version)
    values_by_night = [
        {check["name"]: check["value"] for check in night.checks if not check["name"].startswith(SERVED)}
        for night in nights
    ]
    names = sorted({name for values in values_by_night for name in values})
    rows = [
        (f"{night.taken_at:%Y-%m-%d %H:%M}", f"{night.rows:,}", *(number(values.get(name), 3) for name in names))
        for night, values in zip(nights, values_by_night, strict=True)
    ]
    note = (
        "Each night's last day against the usual day of this training: population stability index, an alarm over .25. "
        "A feed is the day's shoppers as a share of the usual day's of the two weeks before, an alarm under .2."
    )
    columns, indices = ("Night (UTC)", "Interactions", *names), [name for name in names if not name.startswith(FEED)]
    return Section("drift", "Drift of traffic", note, columns, rows, _over_nights(nights, indices, y="index"))


def served(version: ModelVersion) -> Section | None:
    """Return the latest night's checks of what was served, what failed first, and how the numbers of exposure went."""
    nights = _nights(version)
    checks = [one for one in (nights[0].checks if nights else ()) if one["name"].startswith(SERVED)]
    rows = [
        (
            _outcome_of_served(one),
            Two(one["name"].removeprefix(SERVED), one["message"]),
            _barred(one),
        )
        for one in sorted(checks, key=lambda one: bool(one["passed"]))
    ]
    note = (
        "The gate's numbers of what was served in the last day. A check fails where the bar is missed and the day is "
        "clearly worse than every day of the week before. Groups are of shoppers who touched something after an answer."
    )
    figure = _over_nights(nights, [SERVED + name for name in EXPOSURE], y="value")
    return Section("served", "Fairness of what was served", note, ("Outcome", "Check", "Measured"), rows, figure)


def _outcome_of_served(check: Mapping[str, Any]) -> Outcome:
    """Return the outcome of a nightly check; a note says how much there was to judge by."""
    too_little = check["grade"] == "notes" and not check["passed"]
    return Outcome.NOT_JUDGED if too_little else outcome_of(check)


def _nights(version: ModelVersion) -> list[ModelDrift]:
    return list(version.drift.order_by("-taken_at")[:NIGHTS])


def _over_nights(nights: Sequence[ModelDrift], names: Sequence[str], *, y: str) -> plots.Figure | None:
    """Return a line for each of the names, over the nights (latest first); None where there is nothing to draw."""
    if len(nights) < 2:
        return None
    nights_checks = [{check["name"]: check["value"] for check in night.checks} for night in reversed(nights)]
    drawn = [(name.removeprefix(SERVED), [values.get(name) for values in nights_checks]) for name in names]
    series = [one for one in drawn if any(value is not None for value in one[1])]
    days = [f"{night.taken_at:%m-%d %H:%M}" for night in reversed(nights)]
    return plots.lines(days, series, x="night", y=y) if series else None


def cold_start_gap() -> Section | None:
    """Return the gap between known and new products, version by version, of the latest."""
    history: list[tuple[str, float | None, float | None]] = []
    for version in reversed(ModelVersion.objects.order_by("-created_at")[:VERSIONS]):
        judged = version.report.get("test", {}).get(version.stage, {})
        warm, cold = (value(judged.get(kind, {}), METRIC) for kind in ("warm", "cold"))
        if warm is not None:
            history.append((version.version, warm, cold))
    rows = [(one[0], number(one[1]), number(one[2])) for one in history]
    series = [("known products", [one[1] for one in history]), ("new products", [one[2] for one in history])]
    return Section(
        "cold-start", "Cold-start gap over time",
        "NDCG@10 of each version among products that training knew, and among new ones.",
        ("Version", "Known products", "New products"), rows,
        plots.lines([one[0] for one in history], series, x="version", y="NDCG@10") if len(history) > 1 else None,
    )  # fmt: skip

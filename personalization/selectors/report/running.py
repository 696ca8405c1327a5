"""May it run, and how does it: gate, data, steadiness, time, drift, and known against new products over time."""

from collections.abc import Mapping
from typing import Any

from personalization.models import ModelVersion
from personalization.selectors import plots
from personalization.selectors.report.section import METRIC, Section, Two, number, passed, shown, value

NIGHTS = 30


def gate(verdict: Mapping[str, Any]) -> Section | None:
    """Return every check of the gate with its number and its limit, what failed first."""
    checks = sorted(verdict.get("checks", ()), key=lambda check: bool(check["passed"]))
    rows = [
        (passed(one["passed"]), Two(one["name"], one["detail"]), against(one["value"], one["limit"])) for one in checks
    ]
    note = f"Held against {verdict.get('reference', 'nothing')} on the same shoppers and window, which neither saw."
    return Section("gate", "Gate", note, ("", "Check", "Measured"), rows)


def against(measured: float | None, limit: float | None) -> Two:
    """Return a check's number over its limit."""
    return Two(shown(measured), "" if limit is None else f"limit {shown(limit)}")


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
    rows = [
        (passed(one["passed"]), Two(one["name"], one["message"]), against(one["value"], one["bar"]))
        for one in report.get("data_checks", ())
    ]
    counts = ", ".join(f"{sizes[part]:,} {part}" for part in ("interactions", "shoppers", "items") if part in sizes)
    note = f"Learnt from {counts}. The checks against the live version's data are on the training run."
    return Section("data", "Data", note, ("", "Check", "Measured"), [*rows, *removed, *imputed, *scaled])


def stability(report: Mapping[str, Any]) -> Section | None:
    """Return how much of the answers of the version that was live then is kept."""
    one = report.get("stability")
    rows = [(passed(one["passed"]), "overlap@10", against(one["value"], one["bar"]))] if one else []
    note = "How much of the first ten that the version live at the time answers to the same questions is kept."
    return Section("stability", "Steadiness", note, ("", "Check", "Measured"), rows)


def speed(report: Mapping[str, Any]) -> Section | None:
    """Return how long one slate takes."""
    rows = [(name, f"{took:.1f} ms") for name, took in report.get("latency_ms", {}).items() if took is not None]
    note = "Of ten, for one shopper, in the training process."
    return Section("speed", "Time for one slate", note, ("Share of slates", "At most"), rows)


def drift(version: ModelVersion) -> Section | None:
    """Return the nightly readings of the traffic while this version was live, the latest first."""
    nights = list(version.drift.order_by("-taken_at")[:NIGHTS])
    names = sorted({check["name"] for night in nights for check in night.checks})
    told = [{check["name"]: check["value"] for check in night.checks} for night in nights]
    rows = [
        (f"{night.taken_at:%Y-%m-%d %H:%M}", f"{night.rows:,}", *(number(found.get(name), 3) for name in names))
        for night, found in zip(nights, told, strict=True)
    ]
    days = [f"{night.taken_at:%m-%d %H:%M}" for night in nights][::-1]
    series = [(name, [found.get(name) for found in told][::-1]) for name in names]
    note = (
        "Each night's last day against the usual day of this training: population stability index, an alarm over .25."
    )
    figure = plots.lines(days, series, x="night", y="index") if len(nights) > 1 else None
    return Section("drift", "Drift of traffic", note, ("Night", "Interactions", *names), rows, figure)


def warm_and_cold_over_time() -> Section | None:
    """Return the gap between known and new products, version by version."""
    history: list[tuple[str, float | None, float | None]] = []
    for version in ModelVersion.objects.order_by("created_at"):
        judged = version.report.get("test", {}).get(version.rung, {})
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

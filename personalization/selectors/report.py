"""The evaluation report of a version as sections of a page: each a table, most with a plot of the same numbers.

A version may lack parts (it was trained before they were measured, or the shop has no ratings): those sections are left
out. Nothing here computes a metric; training did.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from personalization.models import ModelVersion
from personalization.selectors import plots
from personalization.selectors.comparison import ladder_of

METRIC = "ndcg@10"
BESIDE = ("ndcg@10", "precision@10", "recall@10", "hit_rate@10", "mrr@10")
CUTOFFS = (5, 10, 20)
FAMILIES = ("ndcg", "precision", "recall", "hit_rate", "mrr")
MOST_FEATURES = 20
BIG = 1e8
ACTIVITY = ("few events", "some events", "many events")
Row = Sequence[str]


@dataclass(frozen=True, slots=True)
class Section:
    """A heading, a sentence about it, a table, and perhaps the table's numbers as a plot."""

    slug: str
    title: str
    note: str
    columns: Row
    rows: Sequence[Row]
    figure: plots.Figure | None = None


def sections_of(version: ModelVersion) -> list[Section]:
    """Return the sections there are data for."""
    found = (make(version.report) for make in SECTIONS)
    made = [gate(version.gate), *found, warm_and_cold_over_time()]
    return [section for section in made if section is not None and section.rows]


def gate(verdict: Mapping[str, Any]) -> Section | None:
    """Return every check of the gate with its number and its limit, what failed first."""
    checks = sorted(verdict.get("checks", ()), key=lambda check: bool(check["passed"]))
    rows = [
        (
            "passed" if one["passed"] else "failed",
            one["name"],
            shown(one["value"]),
            shown(one["limit"]),
            one["detail"],
        )
        for one in checks
    ]
    note = f"Held against {verdict.get('reference', 'nothing')} on the same shoppers and window, which neither saw."
    return Section("gate", "Gate", note, ("", "Check", "Measured", "Limit", "In words"), rows)


def ladder(report: Mapping[str, Any]) -> Section | None:
    """Return the rungs, each taken only where validation earned it."""
    steps = ladder_of(report)
    rows = [
        (one.rung, one.name, number(one.value), span(one.low, one.high), number(one.chance, 2), yes(one.taken))
        for one in steps
    ]
    names = [one.rung if one.rung == one.name else f"{one.rung} ({one.name})" for one in steps]
    return Section(
        "ladder",
        "The ladder",
        "NDCG@10 on validation. A rung is taken where the bootstrap is 90 % sure that it beats the one held.",
        ("Rung", "What", "NDCG@10", "95 % interval", "Chance to be better", "Taken"),
        rows,
        plots.bars(names, [(one.value, one.low, one.high) for one in steps], title="NDCG@10, validation"),
    )


def sources(report: Mapping[str, Any]) -> Section | None:
    """Return each rung and each source alone on the test shoppers."""
    judged = [(name, found.get("together", {})) for name, found in report.get("test", {}).items()]
    judged = sorted((pair for pair in judged if value(pair[1], METRIC) is not None), key=lambda pair: -point(pair[1]))
    rows = [
        (name, number(value(found, METRIC)), span(*ends(found)), *(number(value(found, one)) for one in BESIDE[1:]))
        for name, found in judged
    ]
    return Section(
        "sources",
        "On held-out shoppers",
        f"The last 15 % of the data, which no model had seen. Released: {report.get('rung')}.",
        ("Model", "NDCG@10", "95 % interval", "Precision@10", "Recall@10", "Hit rate@10", "MRR@10"),
        rows,
        plots.bars([name for name, _ in judged], [interval(found) for _, found in judged], title="NDCG@10, test"),
    )


def released(report: Mapping[str, Any]) -> Section | None:
    """Return every metric of the released rung at every cut-off."""
    found = report.get("test", {}).get(report.get("rung"), {}).get("together", {})
    rows = [
        (family.replace("_", " "), *(measured(found.get(f"{family}@{k}")) for k in CUTOFFS))
        for family in FAMILIES
        if f"{family}@10" in found
    ]
    return Section(
        "released", "The released model, all metrics", "With 95 % bootstrap intervals over shoppers.",
        ("Metric", *(f"@{k}" for k in CUTOFFS)), rows,
    )  # fmt: skip


def groups(report: Mapping[str, Any]) -> Section | None:
    """Return NDCG@10 by how much is known of the shopper, for all targets, warm ones and cold ones."""
    thirds = report.get("groups", {})
    found = {name: thirds[name] for name in sorted(thirds, key=_by_activity) if thirds[name].get("value") is not None}
    judged = report.get("test", {}).get(report.get("rung"), {})
    for kind in ("warm", "cold"):
        if value(judged.get(kind, {}), METRIC) is not None:
            found[f"{kind} products"] = judged[kind][METRIC]
    rows = [(name, number(one["value"]), span(one["low"], one["high"]), str(one["n"])) for name, one in found.items()]
    return Section(
        "groups", "Groups", "Shoppers in thirds by how much is known of them; products by whether training knew them.",
        ("Group", "NDCG@10", "95 % interval", "Shoppers"), rows,
        plots.bars(list(found), [(one["value"], one["low"], one["high"]) for one in found.values()], title="NDCG@10"),
    )  # fmt: skip


def _by_activity(name: str) -> int:
    """Return the place of a third; the database hands them out by the length of their names."""
    return ACTIVITY.index(name) if name in ACTIVITY else len(ACTIVITY)


def ablation(report: Mapping[str, Any]) -> Section | None:
    """Return what is lost when a source falls silent."""
    return _losses(
        report.get("ablation", {}), "ablation", "Ablation by source",
        "NDCG@10 that the ranker loses when a source falls silent, without learning anew.", ("Source", "Loss"),
    )  # fmt: skip


def importance(report: Mapping[str, Any]) -> Section | None:
    """Return what is lost when a feature is shuffled, the weightiest features."""
    return _losses(
        report.get("importance", {}), "importance", "Features that matter",
        f"NDCG@10 lost when a feature is shuffled on validation; the first {MOST_FEATURES}.", ("Feature", "Loss"),
    )  # fmt: skip


def reach(report: Mapping[str, Any]) -> Section | None:
    """Return coverage against popularity, one point a model."""
    found = {name: one for name, one in report.get("beyond", {}).items() if one.get("popularity_lift") is not None}
    rows = [
        (name, *(number(one.get(part), 3) for part in ("coverage", "gini", "novelty", "popularity_lift")))
        for name, one in found.items()
    ]
    places = [(float(one["popularity_lift"]), float(one["coverage"])) for one in found.values()]
    return Section(
        "reach", "Coverage and popularity",
        "Up: more of the catalogue is shown. Left: less of it is what everybody buys.",
        ("Model", "Coverage", "Gini of exposure", "Novelty, bits", "Popularity lift"), rows,
        plots.points(list(found), places, x="popularity lift", y="coverage"),
    )  # fmt: skip


def exposure(report: Mapping[str, Any]) -> Section | None:
    """Return the trade-off curve of the exposure constraint."""
    curve = report.get("exposure", {}).get("curve", ())
    parts = ("ndcg", "gini", "coverage", "new_items")
    rows = [(number(one["strength"], 2), *(number(one.get(part)) for part in parts)) for one in curve]
    series = [(part.replace("_", " "), [one.get(part) for one in curve]) for part in parts]
    return Section(
        "exposure", "Exposure constraint", f"Chosen strength: {report.get('exposure', {}).get('chosen', 0)}.",
        ("Strength", "NDCG@10", "Gini", "Coverage", "Exposure of new items"), rows,
        plots.lines([one["strength"] for one in curve], series, x="strength", y="value"),
    )  # fmt: skip


def ratings(report: Mapping[str, Any]) -> Section | None:
    """Return the error of predicted ratings, where the shop has ratings."""
    rows = [(name.replace("_", " "), measured(one)) for name, one in report.get("rmse", {}).items()]
    return Section("ratings", "Predicted ratings",
                   "Root mean squared error in stars, on ratings that no model had seen.", ("Model", "RMSE"),
                   rows)  # fmt: skip


def surprise(report: Mapping[str, Any]) -> Section | None:
    """Return how far Surprise's SVD comes, step by step, where that was measured."""
    steps, basis = report.get("surprise", {}), report.get("surprise_basis") or {}
    rows = [(name, measured(steps[name])) for name in basis.get("steps", steps)]  # the database forgets their order
    note = "From the textbook to what is used here; NDCG@10, all products ranked."
    if basis:
        note += f" SVD learnt from {basis['rows']:,} interactions; {basis['shoppers']:,} shoppers were asked."
    return Section("surprise", "SVD, step by step", note, ("Step", "NDCG@10"), rows)


def speed(report: Mapping[str, Any]) -> Section | None:
    """Return how long one slate takes."""
    rows = [(name, f"{took:.1f} ms") for name, took in report.get("latency_ms", {}).items() if took is not None]
    return Section("speed", "Time for one slate", "Of ten, for one shopper, in the training process.", ("", ""), rows)


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


SECTIONS: tuple[Callable[[Mapping[str, Any]], Section | None], ...] = (
    ladder, sources, released, groups, ablation, reach, exposure, importance, ratings, surprise, speed,
)  # fmt: skip


def _losses(losses: Mapping[str, float | None], slug: str, title: str, note: str, columns: Row) -> Section:
    known = sorted(((name, loss) for name, loss in losses.items() if loss is not None), key=lambda pair: -pair[1])
    shown = known[:MOST_FEATURES]
    rows = [(name, number(loss, 5)) for name, loss in shown]
    figure = plots.lying_bars([name for name, _ in shown], [loss for _, loss in shown], title="loss of NDCG@10")
    return Section(slug, title, note, columns, rows, figure)


def value(found: Mapping[str, Any], metric: str) -> float | None:
    """Return a metric's value, None where it was not measured."""
    measured_value = found.get(metric, {}).get("value")
    return None if measured_value is None else float(measured_value)


def point(found: Mapping[str, Any]) -> float:
    """Return NDCG@10."""
    return value(found, METRIC) or 0.0


def ends(found: Mapping[str, Any]) -> tuple[float, float]:
    """Return the ends of the interval of NDCG@10; both the value where it has none."""
    one = found[METRIC]
    low, high = (one["value"] if one.get(end) is None else one[end] for end in ("low", "high"))
    return float(low), float(high)


def interval(found: Mapping[str, Any]) -> plots.Interval:
    """Return NDCG@10 with its ends."""
    return (point(found), *ends(found))


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
    """Return a check's number; what can only be a moment (seconds since 1970) as its day."""
    return number(one) if one is None or one < BIG else datetime.fromtimestamp(one, UTC).date().isoformat()


def number(one: float | None, places: int = 4) -> str:
    """Return a number, a dash where there is none."""
    return "–" if one is None or one != one else f"{one:,.{places}f}"


def yes(one: bool) -> str:
    """Return yes or no."""
    return "yes" if one else "no"


def figures(sections: Iterable[Section]) -> dict[str, plots.Figure]:
    """Return the plots by the slug of their section."""
    return {section.slug: section.figure for section in sections if section.figure is not None}

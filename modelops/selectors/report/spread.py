"""How widely it shows the catalogue, and what it costs to show more of it."""

from collections.abc import Mapping
from typing import Any

from modelops.selectors import plots
from modelops.selectors.report.section import Section, number
from recsys.metrics.sample_sizes import TRADED

NAMED_FIRST = ("popular", "blend", "single", "trending")


def reach(report: Mapping[str, Any]) -> Section | None:
    """Return coverage against popularity, one point a model."""
    found = {name: one for name, one in report.get("beyond", {}).items() if one.get("popularity_lift") is not None}
    order = [name for name in (str(report.get("rung")), *NAMED_FIRST, *found) if name in found]
    found = {name: found[name] for name in dict.fromkeys(order)}
    rows = [
        (name, *(number(one.get(part), 3) for part in ("coverage", "gini", "novelty", "popularity_lift")))
        for name, one in found.items()
    ]
    places = [(float(one["popularity_lift"]), float(one["coverage"])) for one in found.values()]
    return Section(
        "reach", "Coverage and popularity",
        "Up: more of the catalogue is shown. Left: less of it is what everybody buys. What stands out is released. "
        "Names that would lie on each other show when pointed at. Popularity is that of what is shown over that of "
        "what was touched before; the gate holds it against what these shoppers wanted. Gini of "
        "exposure: 0 shows every product alike, 1 one product alone. Novelty: the more bits, the more rarely touched.",
        ("Model", "Coverage", "Gini of exposure", "Novelty, bits", "Popularity"), rows,
        plots.points(list(found), places, x="popularity of what is shown", y="coverage"),
    )  # fmt: skip


def exposure(report: Mapping[str, Any]) -> Section | None:
    """Return the trade-off curve of the exposure constraint."""
    curve = report.get("exposure", {}).get("curve", ())
    parts, chosen = ("ndcg", "gini", "coverage", "new_items"), report.get("exposure", {}).get("chosen", 0)
    rows = [(f"{one['strength']:g}", *(number(one.get(part)) for part in parts)) for one in curve]
    titles = ("NDCG@10", "Gini", "coverage", "exposure of new items")
    drawn = [(title, [one.get(part) for one in curve]) for title, part in zip(titles, parts, strict=True)]
    series = [(title, values) for title, values in drawn if any(value is not None for value in values)]
    return Section(
        "exposure", "Exposure constraint",
        f"What each strength would cost and earn on validation, as visits begin. Chosen: {chosen:g}. "
        f"Of {TRADED:,} shoppers at most, with the places that new products have in any case: at strength 0 not quite "
        "what the gate's check of leaks tells, which asks all and, as the ladder, leaves these places out. The gate "
        "refuses what falls below the reference's interval of NDCG@10. Gini of exposure: 0 shows every product alike, "
        "1 one product alone.",
        ("Strength", "NDCG@10", "Gini", "Coverage", "Exposure of new items"), rows,
        plots.lines([one["strength"] for one in curve], series, x="strength", y="value"),
    )  # fmt: skip


def _beside_the_newest(found: Mapping[str, Any]) -> str:
    if not found.get("newest"):
        return ""
    ours, newest = number(found["hit_rate"]), number(found["newest"])
    return f" So they are hit {ours} of the time on validation; the newest of a shopper's last category, {newest}."


def _lowered(chosen: float, tested: float) -> str:
    """Return what the ranker that was judged made of the lift, where it is less."""
    if tested == chosen:
        return ""
    return f", lowered to {number(tested, 2)} for the ranker that was judged, which would show more than was tested"


def lift(report: Mapping[str, Any]) -> Section | None:
    """Return what lifting products that nobody touched yet would cost known ones, and earn; None where none are new."""
    found = report.get("cold_lift", {})
    curve = found.get("curve", ())
    if not curve:
        return None
    drawn = {"together": "NDCG@10", "warm": "NDCG@10, known products", "cold_hit_rate": "HR@10, new products"}
    parts = {**drawn, "share": "Share of the first ten places, new products"}
    chosen, tested = found.get("chosen", 0), found.get("tested", found.get("chosen", 0))
    return Section(
        "lift", "New products against known ones",
        "What each lift of products nobody touched yet would cost and earn on validation, in standard deviations of a "
        f"shopper's scores. Chosen: {number(chosen, 2)}{_lowered(chosen, tested)}. "
        f"In any case theirs: {number(100 * found.get('least', 0), 2)} % of places." + _beside_the_newest(found),
        ("Lift", *parts.values()),
        [(number(one["lift"], 2), *(number(one.get(part)) for part in parts)) for one in curve],
        plots.lines(
            [one["lift"] for one in curve],
            [(title, [one[part] for one in curve]) for part, title in drawn.items()],
            x="lift", y="value",
        ),
    )  # fmt: skip

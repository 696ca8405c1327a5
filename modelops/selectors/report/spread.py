"""How widely it shows the catalog, and what it costs to show more of it."""

from collections.abc import Mapping
from typing import Any

from modelops.selectors import plots
from modelops.selectors.report.section import Section, number, stage_name, without_twin
from recsys.metrics.sample_sizes import EXPOSURE_SHOPPERS

NAMED_FIRST = ("popular", "blend", "single", "trending")


def reach(report: Mapping[str, Any]) -> Section | None:
    """Return coverage against popularity, one point a model."""
    models = without_twin(report.get("beyond", {}), report)
    spreads = {name: one for name, one in models.items() if one.get("popularity_lift") is not None}
    order = [name for name in (stage_name(report, spreads), *NAMED_FIRST, *spreads) if name in spreads]
    spreads = {name: spreads[name] for name in dict.fromkeys(order)}
    rows = [
        (name, *(number(one.get(part), 3) for part in ("coverage", "gini", "novelty", "popularity_lift")))
        for name, one in spreads.items()
    ]
    places = [(float(one["popularity_lift"]), float(one["coverage"])) for one in spreads.values()]
    return Section(
        "reach", "Coverage and popularity",
        "Up: more of the catalog is shown. Left: less of it is what everybody buys. The chosen stage stands out. "
        "Names that would lie on each other show when pointed at. Popularity is that of what is shown over that of "
        "what was touched before; the gate holds it against what these shoppers wanted. Gini of "
        "exposure: 0 shows every product alike, 1 one product alone. Novelty: the more bits, the more rarely touched.",
        ("Model", "Coverage", "Gini of exposure", "Novelty, bits", "Popularity"), rows,
        plots.points(list(spreads), places, x="popularity of what is shown", y="coverage"),
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
        f"What each strength would cost and earn on held-out shoppers, {EXPOSURE_SHOPPERS:,} of them at most. "
        f"Chosen: {chosen:g}. The gate refuses what falls below the reference's interval of NDCG@10. Gini of "
        "exposure: 0 shows every product alike, 1 one product alone.",
        ("Strength", "NDCG@10", "Gini", "Coverage", "Exposure of new items"), rows,
        plots.lines([one["strength"] for one in curve], series, x="strength", y="value"),
    )  # fmt: skip

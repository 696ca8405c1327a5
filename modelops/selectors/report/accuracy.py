"""How good the answers are: the ladder, every source, every metric, groups."""

import math
from collections.abc import Mapping
from typing import Any

from modelops.selectors import plots
from modelops.selectors.ladder import ladder_of
from modelops.selectors.report.section import (
    METRIC,
    Section,
    ends,
    interval,
    measured,
    number,
    point,
    span,
    stage_name,
    value,
    without_twin,
    yes,
)
from recsys.data.activity import ACTIVITY
from recsys.metrics.registry import CUTOFFS, METRICS
from recsys.training.model_selection import EARNED

BESIDE = ("ndcg@10", "precision@10", "recall@10", "hit_rate@10", "mrr@10")
STAGES = (("released", "chosen stage"), ("popular", "popular"))
FAMILIES = {metric.name: metric.title for metric in METRICS}
HISTORIES = {"live": "live", "frozen": "frozen", "popular": "none: popular products"}
PRODUCTS = {"warm": "known products", "cold": "new products"}


def ladder(report: Mapping[str, Any]) -> Section | None:
    """Return the stages, each taken only where validation earned it."""
    steps = ladder_of(report)
    rows = [
        (one.stage, one.name, number(one.value), span(one.low, one.high), number(one.chance, 2), yes(one.taken))
        for one in steps
    ]
    drawn = [one for one in steps if math.isfinite(one.value)]  # nobody was asked about the others
    names = [one.stage if one.stage == one.name else f"{one.stage} ({one.name})" for one in drawn]
    values = [(one.value, one.low, one.high) for one in drawn]
    chosen = [at for at, one in enumerate(drawn) if one.stage == report.get("stage") and one.taken]
    strength = report.get("exposure", {}).get("chosen", 0)
    constrained = (
        " The ladder is of models that hold no item back; the ranker and the blend below, on held-out shoppers, hold "
        f"over-exposed items back by a strength of {strength:g}."
    )
    return Section(
        "ladder",
        "The ladder",
        f"NDCG@10 on validation. A stage is taken where the bootstrap is {_sure('blend')} sure that it beats the one "
        "taken before. The ranker needs to be ahead, no more: it still learns from these questions at the end. "
        "The chosen stage stands out. Validation asks as visits begin and in the middle of them; the held-out window "
        "below asks as they begin, when less is known." + (constrained if strength else ""),
        ("Stage", "What", "NDCG@10", "95 % interval", "Chance to be better", "Taken"),
        rows,
        plots.bars(names, values, title="NDCG@10, validation", chosen=chosen) if drawn else None,
    )


def sources(report: Mapping[str, Any]) -> Section | None:
    """Return each stage and each source alone on the test shoppers."""
    tests = without_twin(report.get("test", {}), report)
    judged = [(name, metrics.get("together", {})) for name, metrics in tests.items()]
    judged = sorted((pair for pair in judged if value(pair[1], METRIC) is not None), key=lambda pair: -point(pair[1]))
    rows = [
        (
            name,
            number(value(metrics, METRIC)),
            span(*ends(metrics)),
            *(number(value(metrics, one)) for one in BESIDE[1:]),
        )
        for name, metrics in judged
    ]
    chosen = [at for at, (name, _) in enumerate(judged) if name == stage_name(report, tests)]
    return Section(
        "sources",
        "On held-out shoppers",
        f"The last 15 % of the data, which no model had seen. The chosen stage stands out: {report.get('stage')}.",
        ("Model", "NDCG@10", "95 % interval", "Precision@10", "Recall@10", "Hit rate@10", "MRR@10"),
        rows,
        plots.bars(
            [name for name, _ in judged],
            [interval(metrics) for _, metrics in judged],
            title="NDCG@10, test",
            chosen=chosen,
        ),
    )


def released(report: Mapping[str, Any]) -> Section | None:
    """Return every metric of the released stage at every cut-off."""
    metrics = report.get("test", {}).get(report.get("stage"), {}).get("together", {})
    rows = [
        (title, *(measured(metrics.get(f"{family}@{k}")) for k in CUTOFFS))
        for family, title in FAMILIES.items()
        if f"{family}@10" in metrics
    ]
    return Section(
        "released", "The chosen stage, all metrics", "With 95 % bootstrap intervals over shoppers.",
        ("Metric", *(f"@{k}" for k in CUTOFFS)), rows,
    )  # fmt: skip


def groups(report: Mapping[str, Any]) -> Section | None:
    """Return NDCG@10 by how much is known of the shopper, for all targets, known products and new ones."""
    thirds = report.get("groups", {})
    groups = {name: thirds[name] for name in sorted(thirds, key=_by_activity) if thirds[name].get("value") is not None}
    judged = report.get("test", {}).get(report.get("stage"), {})
    for kind, title in PRODUCTS.items():
        if value(judged.get(kind, {}), METRIC) is not None:
            groups[title] = judged[kind][METRIC]
    rows = [(name, number(one["value"]), span(one["low"], one["high"]), str(one["n"])) for name, one in groups.items()]
    return Section(
        "groups", "Groups", "Shoppers in thirds by how much is known of them; products by whether training knew them.",
        ("Group", "NDCG@10", "95 % interval", "Shoppers"), rows,
        plots.bars(list(groups), [(one["value"], one["low"], one["high"]) for one in groups.values()], title="NDCG@10"),
    )  # fmt: skip


def newcomers(report: Mapping[str, Any]) -> Section | None:
    """Return how the answers improve with each of the first events known of a shopper."""
    curve = report.get("cold_start", ())
    rows = [
        (_known(one["events"]), measured(one["released"][METRIC]), measured(one["popular"][METRIC]),
         measured(one["released"]["hit_rate@10"]))
        for one in curve
    ]  # fmt: skip
    count = f"{curve[0]['released'][METRIC]['n']:,} " if curve else ""
    series = [(title, [one[name][METRIC]["value"] for one in curve]) for name, title in STAGES]
    return Section(
        "newcomers", "How fast a newcomer is known",
        f"The same {count}held-out shoppers at each point, drawn from all, of whom only the newest so many events are "
        "known. The table has 95 % intervals.",
        ("Known events", "NDCG@10", "NDCG@10, popular", "Hit rate@10"), rows,
        plots.lines([_known(one["events"]) for one in curve], series, x="known events", y="NDCG@10"),
    )  # fmt: skip


def next_item(report: Mapping[str, Any]) -> Section | None:
    """Return how much better the next item is found with live history."""
    by_title = {title: report.get("next_item", {}).get(name) for name, title in HISTORIES.items()}
    histories = {title: one for title, one in by_title.items() if one}
    rows = [
        (title, measured(one["hit_rate@10"]), measured(one[METRIC]), measured(one["mrr@10"]))
        for title, one in histories.items()
    ]
    return Section(
        "next-item", "Next item, with live history",
        "What held-out shoppers touched next, one item a question. Live: each answer knows what was done until that"
        " moment, as the running shop does; frozen: until the last 15 % began.",
        ("History", "Hit rate@10", "NDCG@10", "MRR@10"), rows,
        plots.bars(list(histories), [interval(one) for one in histories.values()], title="NDCG@10, next item"),
    )  # fmt: skip


def _sure(stage: str) -> str:
    return f"{100 * EARNED[stage]:.0f} %"


def _known(events: int | None) -> str:
    return "all" if events is None else str(events)


def _by_activity(name: str) -> int:
    """Return the place of a third; the database hands them out by the length of their names."""
    return ACTIVITY.index(name) if name in ACTIVITY else len(ACTIVITY)

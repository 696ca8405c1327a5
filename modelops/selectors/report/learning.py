"""What was learnt, and what of it matters: sources with their settings, ablation, features."""

from collections.abc import Mapping
from typing import Any

from modelops.selectors import plots
from modelops.selectors.report.section import Row, Section, number
from recsys.metrics.sample_sizes import ABLATION_SHOPPERS, IMPORTANCE_SHOPPERS

MOST_FEATURES = 20


def tuning(report: Mapping[str, Any]) -> Section | None:
    """Return each source: how good alone on validation, how many candidates, its weight, and the settings tried."""
    alone = dict(sorted(report.get("validation_singles", {}).items(), key=lambda pair: -(pair[1] or 0.0)))
    tuned, quotas, blend = (report.get(part, {}) for part in ("tuning", "quotas", "blend"))
    rows = [
        (
            name,
            number(ndcg),
            str(quotas.get(name, "–")),
            number(blend[name], 1) if blend.get(name) else "–",
            str(tuned.get(name, {}).get("trials", "–")),
            settings(tuned.get(name, {}).get("config", {})),
        )
        for name, ndcg in alone.items()
    ]
    discovering = report.get("discovering", [])
    return Section(
        "tuning", "Sources and tuning",
        "Each source alone on validation, how many candidates it proposes, its weight in the blend, how many settings "
        "were tried, and what differs from the defaults."
        + (f" Set by what shoppers never had: {', '.join(discovering)}; alone they find less." if discovering else ""),
        ("Source", "NDCG@10 alone", "Candidates", "Blend", "Tried", "Settings"), rows,
        plots.lying_bars(list(alone), [one or 0.0 for one in alone.values()], title="NDCG@10 alone, validation"),
    )  # fmt: skip


def settings(config: Mapping[str, Any]) -> str:
    """Return settings in words."""
    return (
        ", ".join(
            f"{name} {_number_text(one)}" if isinstance(one, float) else f"{name} {one}" for name, one in config.items()
        )
        or "defaults"
    )


def _number_text(one: float) -> str:
    return f"{one:,.0f}" if abs(one) >= 1_000 else f"{one:.3g}"


LEFT_OUT = (
    "Left out, since this training was not thorough. Train now has a box “Report also what each source is worth”, and "
    "manage.py train an option --thorough. That takes about as much time again as the training."
)


def ablation(report: Mapping[str, Any]) -> Section | None:
    """Return what is lost when a source falls silent; of a report without it, how to get it."""
    title = "What each source is worth"
    if "ablation" not in report:
        is_report = bool(report.get("validation_singles"))
        return Section("ablation", title, LEFT_OUT, (), (), left_out=True) if is_report else None
    return _losses(
        report["ablation"], "ablation", title,
        f"NDCG@10 that the ranker loses when a source falls silent, without learning anew: of {ABLATION_SHOPPERS} "
        "held-out shoppers at most, so what is below zero is mostly chance.", ("Source", "Loss"),
    )  # fmt: skip


def importance(report: Mapping[str, Any]) -> Section | None:
    """Return what is lost when a feature is shuffled, the weightiest features."""
    return _losses(
        report.get("importance", {}), "importance", "Features that matter",
        f"NDCG@10 lost when a feature is shuffled among the first hundred candidates of {IMPORTANCE_SHOPPERS} held-out "
        f"shoppers at most, all of theirs together; the first {MOST_FEATURES}.", ("Feature", "Loss"),
    )  # fmt: skip


def _losses(losses: Mapping[str, float | None], slug: str, title: str, note: str, columns: Row) -> Section:
    known = sorted(((name, loss) for name, loss in losses.items() if loss is not None), key=lambda pair: -pair[1])
    shown = known[:MOST_FEATURES]
    rows = [(name, number(loss, 5)) for name, loss in shown]
    figure = plots.lying_bars([name for name, _ in shown], [loss for _, loss in shown], title="loss of NDCG@10")
    return Section(slug, title, note, columns, rows, figure)

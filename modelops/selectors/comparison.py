"""Model versions side by side."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from modelops.models import ModelState, ModelVersion, TrainingRun
from modelops.selectors.ladder import ladder_of
from modelops.selectors.registry import live_version
from modelops.selectors.report.check_lines import counts_of, lines_of

N_VERSIONS = 6
TITLES = {"ndcg@10": "NDCG@10", "precision@10": "Precision@10", "recall@10": "Recall@10",
          "hit_rate@10": "Hit rate@10", "mrr@10": "MRR@10",
          "rmse_svd": "RMSE of predicted stars", "rmse_biases": "RMSE of stars by biases alone"}  # fmt: skip
"""Titles of a version's metrics on pages, in their order."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A metric with its 95 % interval over held-out shoppers, if measured."""

    value: float
    low: float | None = None
    high: float | None = None


def with_titles(metrics: Iterable[str]) -> list[tuple[str, str]]:
    """Return the names and titles of the metrics, in the order of pages."""
    names = set(metrics)
    in_order = [*(one for one in TITLES if one in names), *sorted(names - set(TITLES))]
    return [(name, TITLES.get(name, name)) for name in in_order]


def comparison(limit: int = N_VERSIONS) -> dict[str, Any]:
    """Return the latest versions, with a row per fact and per metric, and their ladders.

    The live version is always included.
    """
    versions = list(ModelVersion.objects.order_by("-created_at")[:limit])
    live = live_version()
    if live is not None and live not in versions:
        versions[-1] = live
    names = with_titles(name for version in versions for name in version.metrics)
    return {
        "versions": versions,
        "details": [(label, [text_of(version) for version in versions]) for label, text_of in DETAILS.items()],
        "rows": [(title, [_figure(version, name) for version in versions]) for name, title in names],
        "ladders": [(version, ladder_of(version.report)) for version in versions],
    }


def _figure(version: ModelVersion, name: str) -> Figure | None:
    value = version.metrics.get(name)
    if value is None:
        return None
    metric = version.report.get("test", {}).get(version.stage, {}).get("together", {}).get(name, {})
    return Figure(value, metric.get("low"), metric.get("high"))


def is_waived(version: ModelVersion) -> bool:
    """Return whether the version is, or was, live although it failed the gate."""
    return version.failed and version.state != ModelState.REFUSED


def exposure_strength(version: ModelVersion) -> str:
    """Return how strongly over-exposed items are held back, in words."""
    chosen = version.report.get("exposure", {}).get("chosen", 0)
    return f"by a strength of {chosen:g}" if chosen else "no"


def _gate(version: ModelVersion) -> str:
    checks = version.gate.get("checks", ())
    if not checks:
        return "never judged"
    against = version.gate.get("reference", "popularity")
    return f"{'refused' if version.failed else 'passed'}, against {against}: {counts_of(lines_of(version.gate))}"


def _data(version: ModelVersion) -> str:
    rows = version.report.get("data", {}).get("interactions")
    return "–" if rows is None else f"{rows:,} interactions"


def search_of(run: TrainingRun | None) -> str:
    """Return how a run searches for settings, and for how long."""
    if run is None or not run.budget_s:
        return "none: settings as suggested"
    minutes, seconds = divmod(run.budget_s, 60)
    duration = " ".join(f"{n} {unit}{'s' * (n > 1)}" for n, unit in ((minutes, "minute"), (seconds, "second")) if n)
    return f"{duration}, {run.get_sampler_display()}"


def _search(version: ModelVersion) -> str:
    return search_of(version.runs.first())


DETAILS: Mapping[str, Callable[[ModelVersion], str]] = {
    "Gate": _gate,
    "Stage": lambda version: version.stage,
    "Learnt from": _data,
    "Search for settings": _search,
    "Over-exposed items held back": exposure_strength,
    "Seed": lambda version: str(version.seed),
}

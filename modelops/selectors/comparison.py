"""Model versions beside each other, and the ladder of each."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from modelops.models import ModelState, ModelVersion, TrainingRun
from modelops.selectors.registry import live_version

SHOWN = 6
TITLES = {"ndcg@10": "NDCG@10", "precision@10": "Precision@10", "recall@10": "Recall@10",
          "rmse_svd": "RMSE of predicted stars", "rmse_biases": "RMSE of stars by biases alone"}  # fmt: skip
"""Metrics of a version as pages call them, in their order."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A metric with its 95 % interval over held-out shoppers, where one was measured."""

    value: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class Rung:
    """One stage of the ladder on validation: NDCG@10 with interval, the chance to be better, whether taken."""

    stage: str
    name: str
    value: float
    low: float
    high: float
    chance: float
    taken: bool

    @property
    def sentence(self) -> str:
        """Return the stage in words."""
        verdict = "taken" if self.taken else "not earned"
        return f"{self.stage} ({self.name}): NDCG@10 {self.value:.4f} [{self.low:.4f}, {self.high:.4f}], {verdict}"


def ladder_of(report: Mapping[str, Any]) -> list[Rung]:
    """Return the stages of a report, from the lowest."""
    return [
        Rung(
            stage=str(step["stage"]),
            name=str(step["name"]),
            value=_finite(step["ndcg"]["value"]),
            low=_finite(step["ndcg"]["low"]),
            high=_finite(step["ndcg"]["high"]),
            chance=_finite(step["chance"]),
            taken=bool(step["taken"]),
        )
        for step in report.get("ladder", ())
    ]


def titled(metrics: Iterable[str]) -> list[tuple[str, str]]:
    """Return the names of the metrics, each with what pages call it, in the order of pages."""
    named = set(metrics)
    ordered = [*(one for one in TITLES if one in named), *sorted(named - set(TITLES))]
    return [(name, TITLES.get(name, name)) for name in ordered]


def compared(limit: int = SHOWN) -> dict[str, Any]:
    """Return the latest versions with what was decided and chosen, and each metric as a row over them.

    The live one is among them, be it as old as it may: what comes next is held against it.
    """
    versions = list(ModelVersion.objects.order_by("-created_at")[:limit])
    live = live_version()
    if live is not None and live not in versions:
        versions[-1] = live
    names = titled(name for version in versions for name in version.metrics)
    return {
        "versions": versions,
        "facts": [(label, [told(version) for version in versions]) for label, told in FACTS.items()],
        "rows": [(title, [_figure(version, name) for version in versions]) for name, title in names],
        "ladders": [(version, ladder_of(version.report)) for version in versions],
    }


def _figure(version: ModelVersion, name: str) -> Figure | None:
    value = version.metrics.get(name)
    if value is None:
        return None
    judged = version.report.get("test", {}).get(version.stage, {}).get("together", {}).get(name, {})
    return Figure(value, judged.get("low"), judged.get("high"))


def waived(version: ModelVersion) -> bool:
    """Return whether the version is, or was, live although the gate refused it."""
    return version.failed and version.state != ModelState.REFUSED


def held_back(version: ModelVersion) -> str:
    """Return how strongly over-exposed items are held back, in words."""
    chosen = version.report.get("exposure", {}).get("chosen", 0)
    return f"by a strength of {chosen:g}" if chosen else "no"


def _gate(version: ModelVersion) -> str:
    checks = version.gate.get("checks", ())
    if not checks:
        return "never judged"
    against = version.gate.get("reference", "popularity")
    failed = version.failed_checks
    return f"refused: {', '.join(failed)}" if failed else f"passed {len(checks)} checks, against {against}"


def _data(version: ModelVersion) -> str:
    rows = version.report.get("data", {}).get("interactions")
    return "–" if rows is None else f"{rows:,} interactions"


def search_of(run: TrainingRun | None) -> str:
    """Return how a run searches for settings, and for how long."""
    if run is None or not run.budget_s:
        return "none: settings as suggested"
    minutes, seconds = divmod(run.budget_s, 60)
    told = " ".join(f"{n} {unit}{'s' * (n > 1)}" for n, unit in ((minutes, "minute"), (seconds, "second")) if n)
    return f"{told}, {run.get_sampler_display()}"


def _search(version: ModelVersion) -> str:
    return search_of(version.runs.first())


FACTS: Mapping[str, Callable[[ModelVersion], str]] = {
    "Gate": _gate,
    "Released": lambda version: version.stage,
    "Learnt from": _data,
    "Search for settings": _search,
    "Over-exposed items held back": held_back,
    "Seed": lambda version: str(version.seed),
}


def _finite(value: float | None) -> float:
    """Return the number; what could not be measured is stored as null and shown as not a number."""
    return float("nan") if value is None else float(value)

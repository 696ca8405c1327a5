"""A model version as the admin's home shows it: the ladder with its intervals, and a few facts. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from modelops.selectors.comparison import with_titles
from modelops.selectors.overview import LiveModel

METRIC: Final = "ndcg@10"
SHOWN: Final = 6


@dataclass(frozen=True, slots=True)
class Measured:
    """One line: a source or rung, its NDCG@10, its interval, and the bar's length in percent of the best."""

    name: str
    value: float
    interval: str
    percent: int


@dataclass(frozen=True, slots=True)
class ModelCard:
    """What the home shows of the live model: the best `rows`, and the `rest` behind a click."""

    version: str
    rung: str
    promoted_at: datetime | None
    rows: tuple[Measured, ...]
    rest: tuple[Measured, ...]
    facts: tuple[tuple[str, str], ...]
    waiver: str = ""


def card_of(model: LiveModel) -> ModelCard:
    """Return the card of a live model."""
    rows = measured(model.report)
    numbers = facts(model.metrics)
    return ModelCard(model.version, model.rung, model.promoted_at, rows[:SHOWN], rows[SHOWN:], numbers, model.waiver)


def measured(report: Mapping[str, Any]) -> tuple[Measured, ...]:
    """Return every rung and source that was judged on the test data, the best first."""
    found = [
        (name, ndcg)
        for name, judged in report.get("test", {}).items()
        if (ndcg := judged.get("together", {}).get(METRIC)) and ndcg.get("value") is not None
    ]
    found.sort(key=lambda pair: -pair[1]["value"])
    most = max((ndcg["value"] for _, ndcg in found), default=0.0) or 1.0
    return tuple(
        Measured(name, ndcg["value"], f"{ndcg['low']:.4f} – {ndcg['high']:.4f}", round(100 * ndcg["value"] / most))
        for name, ndcg in found
    )


def facts(metrics: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """Return the single numbers of a metrics mapping, called and rounded as on the version's own page."""
    numbers = ((title, metrics[name]) for name, title in with_titles(metrics))
    return tuple((title, f"{value:.4f}") for title, value in numbers if isinstance(value, int | float))

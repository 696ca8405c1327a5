"""The card of the live model on the admin's home: metrics of each stage and source. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from modelops.selectors.comparison import with_titles
from modelops.selectors.overview import LiveModel
from modelops.selectors.report.section import stage_name, without_twin

METRIC: Final = "ndcg@10"
N_ROWS: Final = 6


@dataclass(frozen=True, slots=True)
class MetricRow:
    """One line: a source or stage, its NDCG@10 with interval, and its bar's length in percent of the best."""

    name: str
    value: float
    interval: str
    percent: int
    is_chosen: bool = False


@dataclass(frozen=True, slots=True)
class ModelCard:
    """The live model for the home page: the best `rows`, and the `rest` in a collapsed section."""

    version: str
    stage: str
    promoted_at: datetime | None
    rows: tuple[MetricRow, ...]
    rest: tuple[MetricRow, ...]
    numbers: tuple[tuple[str, str], ...]
    waiver: str = ""


def card_of(model: LiveModel) -> ModelCard:
    """Return the card of a live model."""
    rows = metric_rows(model.report)
    numbers = numbers_of(model.metrics)
    return ModelCard(model.version, model.stage, model.promoted_at, rows[:N_ROWS], rows[N_ROWS:], numbers, model.waiver)


def metric_rows(report: Mapping[str, Any]) -> tuple[MetricRow, ...]:
    """Return every stage and source that was evaluated on the test set, the best first."""
    tests = without_twin(report.get("test", {}), report)
    values = [
        (name, ndcg)
        for name, metrics in tests.items()
        if (ndcg := metrics.get("together", {}).get(METRIC)) and ndcg.get("value") is not None
    ]
    values.sort(key=lambda pair: -pair[1]["value"])
    most = max((ndcg["value"] for _, ndcg in values), default=0.0) or 1.0
    chosen = stage_name(report, tests)
    return tuple(
        MetricRow(
            name,
            ndcg["value"],
            f"{ndcg['low']:.4f} – {ndcg['high']:.4f}",
            round(100 * ndcg["value"] / most),
            name == chosen,
        )
        for name, ndcg in values
    )


def numbers_of(metrics: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """Return the numbers of a metrics mapping, with titles and rounding as on the version's page."""
    numbers = ((title, metrics[name]) for name, title in with_titles(metrics))
    return tuple((title, f"{value:.4f}") for title, value in numbers if isinstance(value, int | float))

"""What the permanent hold-out shows: all that personalization adds, from the same results as any experiment."""

from dataclasses import dataclass
from datetime import datetime

from experiments.models import Experiment, Kind, Status
from experiments.results import Effect
from experiments.selectors.results import results_of


@dataclass(frozen=True, slots=True)
class HoldoutMetric:
    """One metric with and without personalization; `effect` is a share of the value without it, with its interval."""

    key: str
    name: str
    display: str
    without: float | None
    personalized: float | None
    effect: Effect
    is_significant: bool


@dataclass(frozen=True, slots=True)
class HoldoutSummary:
    """The running hold-out: its share of all shoppers, the units of both arms, the metrics and what they allow to say.

    With `is_mismatch` nothing may be concluded.
    """

    experiment_id: int
    share: float
    started_at: datetime
    units_without: int
    units_personalized: int
    metrics: tuple[HoldoutMetric, ...]
    verdict: str
    is_mismatch: bool


def holdout_summary() -> HoldoutSummary | None:
    """Return what the running hold-out shows now, None where none runs."""
    row = Experiment.objects.filter(kind=Kind.HOLDOUT, status=Status.RUNNING, started_at__isnull=False).first()
    if row is None or row.started_at is None:
        return None
    results = results_of(row.key, with_breakdowns=False)
    without, personalized = results.arms
    return HoldoutSummary(
        experiment_id=row.pk,
        share=without.planned_share,
        started_at=row.started_at,
        units_without=without.units,
        units_personalized=personalized.units,
        metrics=tuple(
            HoldoutMetric(
                key=one.key,
                name=one.name,
                display=one.display,
                without=one.arms[0].value,
                personalized=one.arms[1].value,
                effect=one.comparisons[0].relative,
                is_significant=one.comparisons[0].is_significant,
            )
            for one in results.metrics
        ),
        verdict=results.verdict,
        is_mismatch=results.health.is_mismatch,
    )

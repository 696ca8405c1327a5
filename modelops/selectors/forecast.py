"""What a training is likely to bring: outcomes of the last ones, and whether the data suffice now."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from events.training_counts import recent_training_counts
from modelops.models import AlarmKind, ModelAlarm, RunState, TrainingRun
from modelops.selectors.runs import REFUSED, outcome_of, with_verdicts
from modelops.selectors.verdict import Status, verdict_of
from recsys.data.data_checks import MIN_ITEMS, MIN_ROWS, MIN_SHOPPERS

LAST_RUNS: Final = 5
MINIMA: Final = (
    ("interactions", "interactions that training may use", MIN_ROWS),
    ("shoppers", "shoppers", MIN_SHOPPERS),
    ("items", "products", MIN_ITEMS),
)


@dataclass(frozen=True, slots=True)
class PastRun:
    """One earlier training: its number, label and what came of it."""

    id: int
    status: Status
    label: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Line:
    """One thing to know before a training."""

    status: Status
    text: str


@dataclass(frozen=True, slots=True)
class Forecast:
    """The likely outcome of a training, in one sentence, with its reasons."""

    sentence: str
    runs: tuple[PastRun, ...]
    lines: tuple[Line, ...]


def forecast() -> Forecast:
    """Return the forecast from the last runs, the sizes of the data and the open alarms."""
    ended = TrainingRun.objects.exclude(state__in=(RunState.QUEUED, RunState.RUNNING, RunState.STOPPED))
    rows = with_verdicts(ended).select_related("model_version").defer("model_version__report", "data_report", "steps")
    runs = tuple(_past(row) for row in rows[:LAST_RUNS])
    lines = (*_data_lines(data_sizes()), *_alarm_lines())
    return Forecast(_sentence(runs, lines), runs, lines)


def _past(run: TrainingRun) -> PastRun:
    outcome = outcome_of(run)
    if run.model_version is not None:
        verdict = verdict_of(run.model_version)
        return PastRun(run.pk, verdict.status, outcome, verdict.sentence)
    return PastRun(run.pk, "fail" if outcome in (RunState.FAILED, REFUSED) else "note", outcome, run.message)


def _data_lines(sizes: Mapping[str, int]) -> Iterable[Line]:
    for name, title, minimum in MINIMA:
        if name in sizes:
            count = sizes[name]
            enough = "enough" if count >= minimum else "few: only simple recommenders will earn their place"
            yield Line(
                "pass" if count >= minimum else "warn", f"{count:,} {title}, at least {minimum:,} wanted: {enough}"
            )


def _alarm_lines() -> Iterable[Line]:
    alarms = ModelAlarm.objects.filter(settled_at=None, kind__in=(AlarmKind.DATA, AlarmKind.DRIFT))
    for alarm in alarms.only("kind", "message"):
        yield Line("warn", f"{alarm.get_kind_display()}: {alarm.message}")
    if not alarms:
        yield Line("pass", "No open alarm about data or traffic")


def _sentence(runs: tuple[PastRun, ...], lines: tuple[Line, ...]) -> str:
    if any(line.status == "warn" for line in lines[: len(MINIMA)]):
        return "The data are few: a model is made, and most likely shows popular products to many."
    if not runs:
        return "This is the first training: it is compared with popular products, and goes live unless it is worse."
    passed = sum(run.status in ("pass", "warn") for run in runs)
    last = runs[0]
    words = f"Of the last {len(runs)} trainings {passed} passed." if len(runs) > 1 else ""
    if last.status == "fail":
        return f"{words} The last one did not: expect the same unless data or settings changed since.".strip()
    return f"{words} Expect a model about as good as the live one, which goes live if no check fails.".strip()


def data_sizes() -> dict[str, int]:
    """Return the sizes of the data that the last training read; before the first, those of the last events."""
    run = TrainingRun.objects.exclude(data_report={}).order_by("-created_at").only("data_report").first()
    if run is None:
        return recent_training_counts()
    return {name: run.data_report[name] for name, _, _ in MINIMA if name in run.data_report}

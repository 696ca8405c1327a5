"""What a training is likely to bring: outcomes of the last ones, the reference, and whether the data suffice now."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

from events.training_counts import recent_training_counts
from modelops.models import AlarmKind, ModelAlarm, ModelVersion, RunState, TrainingRun
from modelops.selectors.registry import live_version
from modelops.selectors.report.check_lines import lines_of
from modelops.selectors.report.section import Outcome
from modelops.selectors.runs import outcome_of, with_verdicts
from modelops.selectors.steps import duration_text
from modelops.selectors.verdict import Verdict, verdict_of
from recsys.data.data_checks import MIN_ITEMS, MIN_ROWS, MIN_SHOPPERS

LAST_RUNS: Final = 5
MINIMA: Final = (
    ("interactions", "interactions that training may use", MIN_ROWS),
    ("shoppers", "shoppers", MIN_SHOPPERS),
    ("items", "products", MIN_ITEMS),
)
BARS: Final = ("quality", "gini", "coverage", "popularity_lift", "new_items", "latency")
"""The checks of the gate whose bars a training is told beforehand; those of groups depend on the shoppers."""
REPEATS: Final = (
    "The same data, settings, seed and live version repeat the result to the byte, unless minutes of tuning are given: "
    "train again after one of them has changed."
)


@dataclass(frozen=True, slots=True)
class PastRun:
    """One earlier training: its number, label and what came of it.

    `verdict` is None where the run ended without a judged version, as in an outage.
    """

    id: int
    status: Outcome
    label: str
    sentence: str
    verdict: Verdict | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """One thing to know before a training."""

    status: Outcome
    text: str


@dataclass(frozen=True, slots=True)
class Forecast:
    """The likely outcome of a training, in one sentence, with its reasons and what it is compared with."""

    sentence: str
    runs: tuple[PastRun, ...]
    lines: tuple[Line, ...]
    reasons: tuple[str, ...] = ()


def forecast() -> Forecast:
    """Return the forecast from the last runs, the live version, the sizes of the data and the open alarms."""
    ended = TrainingRun.objects.exclude(state__in=(RunState.QUEUED, RunState.RUNNING, RunState.STOPPED))
    rows = with_verdicts(ended).select_related("model_version").defer("model_version__report", "data_report", "steps")
    latest = list(rows[:LAST_RUNS])
    runs = tuple(map(_past, latest))
    lines = (*_data_lines(data_sizes()), *_alarm_lines())
    reasons = (*_reference(live_version(), latest), *_last_refusal(runs), *_duration(latest), REPEATS)
    return Forecast(_sentence(runs, lines), runs, lines, reasons)


def _past(run: TrainingRun) -> PastRun:
    outcome, version = outcome_of(run), run.model_version
    if version is None or not version.gate:
        words = f"It ended before the gate, and says nothing about the model. {run.message}".strip()
        return PastRun(run.pk, Outcome.NOT_JUDGED, outcome, words)
    verdict = verdict_of(version)
    return PastRun(run.pk, verdict.status, outcome, verdict.sentence, verdict)


def _data_lines(sizes: Mapping[str, int]) -> Iterable[Line]:
    for name, title, minimum in MINIMA:
        if name in sizes:
            count = sizes[name]
            suffices = count >= minimum
            words = "enough" if suffices else "few: only simple recommenders will earn their place"
            yield Line(
                Outcome.PASS if suffices else Outcome.WARN, f"{count:,} {title}, at least {minimum:,} wanted: {words}"
            )


def _alarm_lines() -> Iterable[Line]:
    alarms = ModelAlarm.objects.filter(settled_at=None, kind__in=(AlarmKind.DATA, AlarmKind.DRIFT))
    for alarm in alarms.only("kind", "message"):
        yield Line(Outcome.WARN, f"{alarm.get_kind_display()}: {alarm.message}")
    if not alarms:
        yield Line(Outcome.PASS, "No open alarm about data or traffic")


def _sentence(runs: Sequence[PastRun], lines: Sequence[Line]) -> str:
    if any(line.status == Outcome.WARN for line in lines[: len(MINIMA)]):
        return "The data are few: a model is made, and most likely shows popular products to many."
    verdicts = [run for run in runs if run.verdict is not None]
    cut_short = _cut_short(len(runs) - len(verdicts))
    if not verdicts:
        words = "None was judged yet: the first is compared with popular products, and goes live unless it is worse."
        return f"{words} {cut_short}".strip()
    passed = sum(run.status in (Outcome.PASS, Outcome.WARN) for run in verdicts)
    words = f"Of the last {len(verdicts)} judged trainings {passed} passed." if len(verdicts) > 1 else ""
    expected = (
        "The last one was refused: expect the same unless data or settings changed since."
        if verdicts[0].status == Outcome.FAIL
        else "Expect a model about as good as the live one, which goes live if no check fails."
    )
    return " ".join(filter(None, (words, expected, cut_short)))


def _cut_short(n: int) -> str:
    if not n:
        return ""
    return f"{n} more ended before the gate, as in an outage: {'that is' if n == 1 else 'these are'} no verdict."


def _reference(live: ModelVersion | None, runs: Sequence[TrainingRun]) -> Iterable[str]:
    """Yield what the next version will be compared with, and the bars of the last one compared with that."""
    if live is None:
        yield "The reference: popular products, since no version is live."
        return
    yield f"The reference: the plan of {live.version}, which is live, fitted on the same past."
    versions = [run.model_version for run in runs if run.model_version is not None]
    last = next((one for one in versions if one.gate.get("reference") == live.version), None)
    lines = {line.name: line for line in lines_of(last.gate)} if last else {}
    bars = [f"{lines[name].title} {lines[name].bar}" for name in BARS if name in lines]
    if last and bars:
        yield f"Its bars when {last.version} was compared with it: {'; '.join(bars)}."
    else:
        yield "Its bars are set when the next version is compared with it: no version was yet."


def _last_refusal(runs: Sequence[PastRun]) -> Iterable[str]:
    """Yield how far the last refused version was from each bar that it missed."""
    refused = next((run for run in runs if run.verdict is not None and run.status == Outcome.FAIL), None)
    if refused is None or refused.verdict is None:
        return
    missed = [
        f"{line.title} {line.measured}, {line.bar}, short by {line.shortfall}"
        for line in refused.verdict.missed
        if line.shortfall
    ]
    if missed:
        yield f"Training {refused.id} was refused: {'; '.join(missed)}."


def _duration(runs: Sequence[TrainingRun]) -> Iterable[str]:
    """Yield how long trainings took that came to their end, without their minutes of tuning."""
    seconds = [
        max(0.0, (run.finished_at - run.started_at).total_seconds() - run.budget_s)
        for run in runs
        if run.state == RunState.DONE and run.started_at and run.finished_at and not run.thorough
    ]
    if seconds:
        count = "the last training" if len(seconds) == 1 else f"{len(seconds)} of the last trainings (median)"
        took = duration_text(median(seconds))
        yield f"It will take about {took}, as {count} did, and the minutes of tuning; about twice that if thorough."


def data_sizes() -> dict[str, int]:
    """Return the sizes of the data that the last training read; before the first, those of the last events."""
    run = TrainingRun.objects.exclude(data_report={}).order_by("-created_at").only("data_report").first()
    if run is None:
        return recent_training_counts()
    return {name: run.data_report[name] for name, _, _ in MINIMA if name in run.data_report}

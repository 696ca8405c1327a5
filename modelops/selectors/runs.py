"""Reads of training runs and their states."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db.models import Q, QuerySet
from django.db.models.fields.json import KeyTextTransform

from common import clock
from common.failures import Failure
from modelops.models import (
    ModelState,
    ModelVersion,
    RunState,
    TrainingRun,
)

SILENCE: Final = timedelta(seconds=60)
REFUSED: Final = "refused"
OVER: Final = (RunState.DONE, RunState.FAILED, RunState.STOPPED)


@dataclass(frozen=True, slots=True)
class ShownRun:
    """A training run for pages; `percent` is 0 to 100, `state` also `refused` for the latest run."""

    id: int
    state: str
    step: str
    percent: int
    message: str
    version: str | None
    started: bool
    finished: bool
    failed: bool


def latest_run() -> ShownRun | None:
    """Return the newest training run, or None before the first."""
    row = with_verdicts(TrainingRun.objects.select_related("model_version")).first()
    return None if row is None else _run_record(row)


def failed_runs(*, since: datetime) -> list[Failure]:
    """Return the runs that failed or died since the moment, the newest first; the latest run whenever it failed."""
    maybe = Q(state=RunState.FAILED, created_at__gte=since) | Q(state=RunState.FAILED, finished_at__gte=since)
    latest = TrainingRun.objects.values("pk")[:1]
    rows = TrainingRun.objects.filter(maybe | Q(state=RunState.RUNNING) | Q(pk__in=latest)).defer("data_report")
    return [_failure(row) for row in rows if state_of(row) == RunState.FAILED]


def _failure(run: TrainingRun) -> Failure:
    step = f" at “{run.step}”" if run.step else ""
    ended = run.finished_at or run.heartbeat_at or run.created_at
    return Failure(run.pk, f"Training {run.pk} failed{step}", message_of(run), ended)


def unfinished_run() -> ShownRun | None:
    """Return the newest running run with a recent heartbeat, or None."""
    row = alive_runs().select_related("model_version").first()
    return None if row is None else _run_record(row)


def shown_run(run_id: int) -> ShownRun:
    """Return the run with this id. Raises TrainingRun.DoesNotExist."""
    return _run_record(TrainingRun.objects.select_related("model_version").get(pk=run_id))


def alive_runs() -> QuerySet[TrainingRun]:
    """Return the running runs with a recent heartbeat; without one, their process is dead."""
    return TrainingRun.objects.filter(state=RunState.RUNNING, heartbeat_at__gte=clock.real_now() - SILENCE)


def state_of(run: TrainingRun) -> str:
    """Return the state of a run; one whose process died counts as failed."""
    return RunState.FAILED if _is_dead(run) else run.state


def with_verdicts(runs: QuerySet[TrainingRun]) -> QuerySet[TrainingRun]:
    """Return the runs with the gate's verdict on their versions, for `outcome_of`; without loading the gate."""
    return runs.annotate(gate_passed=KeyTextTransform("passed", "model_version__gate"))


def outcome_of(run: TrainingRun) -> str:
    """Return the state of a run of `with_verdicts`; `refused` where it ended and the gate refused its version."""
    state = state_of(run)
    refused = state == RunState.DONE and getattr(run, "gate_passed", None) == "false"
    return REFUSED if refused else state


def message_of(run: TrainingRun) -> str:
    """Return the message of a run, or a sentence about its state if it is queued, stopping or dead."""
    if _is_dead(run):
        return death_message(run)
    if run.state == RunState.QUEUED:
        return "It waits until a worker is free."
    if run.state == RunState.RUNNING and run.stop_asked_by:
        return "It was asked to stop, and does at its next step, which may take minutes."
    return run.message


def death_message(run: TrainingRun) -> str:
    """Return the message of a run whose process died: how far it was, and what to do now."""
    return f"Its process died at {run.progress:.0%} ({run.step}). {outcome_message(run)}"


def outcome_message(run: TrainingRun) -> str:
    """Return in words the outcome of an interrupted run, and what to do now."""
    version = ModelVersion.objects.filter(runs=run.pk).defer("report").first()
    if version is None:
        return "Nothing was changed: start another one."
    if version.state == ModelState.CHAMPION:
        return f"{version.version} is live."
    if not version.gate:
        return f"{version.version} was registered, but never judged, and cannot go live: start another one."
    if version.failed:
        return f"{version.version} was refused: {version.refusal}"
    if version.promoted_at is not None:
        return f"{version.version} was live, and is no longer."
    return f"{version.version} passed the gate, and waits for Promote."


def advice_of(run: TrainingRun) -> str:
    """Return what to do about a failed run."""
    if _is_dead(run):
        return "Look whether the process “worker” runs, and whether the machine had memory left. Then train again."
    if any(not check.get("passed", True) for check in run.data_report.get("checks", ())):
        return "Mend the data that the checks below name. Or train again with “even if a data check refuses”."
    return "The worker's log of that moment has the whole error. Mend the cause, then train again."


def _is_dead(run: TrainingRun) -> bool:
    """Return whether a running run has no recent heartbeat: its process is gone."""
    last_beat = run.heartbeat_at
    return run.state == RunState.RUNNING and (last_beat is None or last_beat < clock.real_now() - SILENCE)


def _run_record(run: TrainingRun) -> ShownRun:
    state = state_of(run)
    return ShownRun(
        id=run.pk,
        state=outcome_of(run),
        step=run.step,
        percent=round(100 * run.progress),
        message=message_of(run),
        version=run.model_version.version if run.model_version else None,
        started=run.started_at is not None,
        finished=state in OVER,
        failed=state == RunState.FAILED,
    )

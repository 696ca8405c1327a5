"""Training runs: which there are, and where each stands."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from django.db.models import QuerySet

from common import clock
from modelops.models import (
    ModelState,
    ModelVersion,
    RunState,
    TrainingRun,
)

SILENCE: Final = timedelta(seconds=60)
OVER: Final = (RunState.DONE, RunState.FAILED, RunState.STOPPED)


@dataclass(frozen=True, slots=True)
class ShownRun:
    """A training run as pages tell of it; `percent` is 0 to 100."""

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
    """Return the newest training run, or None where nothing was ever trained."""
    row = TrainingRun.objects.select_related("model_version").first()
    return None if row is None else _shown(row)


def unfinished_run() -> ShownRun | None:
    """Return the newest run that works and was heard of lately, or None: a silent one died with its worker."""
    row = alive_runs().select_related("model_version").first()
    return None if row is None else _shown(row)


def shown_run(run_id: int) -> ShownRun:
    """Return the run of that number. Raises TrainingRun.DoesNotExist."""
    return _shown(TrainingRun.objects.select_related("model_version").get(pk=run_id))


def alive_runs() -> QuerySet[TrainingRun]:
    """Return the runs that work and were heard of lately: a silent one died with its worker."""
    return TrainingRun.objects.filter(state=RunState.RUNNING, heartbeat_at__gte=clock.now() - SILENCE)


def state_of(run: TrainingRun) -> str:
    """Return where a run stands; one that died has failed, whatever its row says still."""
    return RunState.FAILED if _died(run) else run.state


def message_of(run: TrainingRun) -> str:
    """Return what a run says; of one that waits, is to stop or died, what is to be known of that."""
    if _died(run):
        return words_of_death(run)
    if run.state == RunState.QUEUED:
        return "It waits until a worker is free."
    if run.state == RunState.RUNNING and run.stop_asked_by:
        return "It was asked to stop, and does at its next step, which may take minutes."
    return run.message


def words_of_death(run: TrainingRun) -> str:
    """Return what is said of a run whose process died: where it was, and what can be done now."""
    return f"Its process died at {run.progress:.0%} ({run.step}). {left_behind(run)}"


def left_behind(run: TrainingRun) -> str:
    """Return in words what came of a run that did not see its end, and what can be done with it."""
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


def _died(run: TrainingRun) -> bool:
    """Return whether a run that should work was not heard of lately: its process is gone."""
    heard = run.heartbeat_at
    return run.state == RunState.RUNNING and (heard is None or heard < clock.now() - SILENCE)


def _shown(run: TrainingRun) -> ShownRun:
    state = state_of(run)
    return ShownRun(
        id=run.pk,
        state=state,
        step=run.step,
        percent=round(100 * run.progress),
        message=message_of(run),
        version=run.model_version.version if run.model_version else None,
        started=run.started_at is not None,
        finished=state in OVER,
        failed=state == RunState.FAILED,
    )

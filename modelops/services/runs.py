"""Training runs: queue them, hand them to a worker, stop them, and close those whose process died."""

import logging
from pathlib import Path
from typing import Any

from celery import current_app
from django.conf import settings
from django.db import IntegrityError, transaction

from audit.services import record
from common import clock
from common.errors import Conflict, InvalidInput, NotFound
from modelops.models import RunState, Sampler, TrainingRun
from modelops.selectors.runs import OVER, alive_runs, death_message
from modelops.services.registry import registry_lock
from modelops.services.run_progress import REGISTERS

log = logging.getLogger(__name__)


def queue_training(
    *,
    actor: str,
    budget_s: int = 0,
    sampler: str = Sampler.TPE,
    study: str = "",
    exposure: float | None = None,
    seed: int = 7,
    forced: bool = False,
    thorough: bool = False,
    hand_over: bool = True,
    slates: Path | None = None,
    message_id: str | None = None,
) -> TrainingRun:
    """Create the row of a run; with `hand_over`, queue it for a worker after the commit.

    `budget_s` is the time for tuning in seconds. `study` is a file that stores the search for settings, which continues
    if the data are unchanged; the default is `SEARCH_FILE` in the model directory. `exposure` is the strength, 0 to 1,
    with which over-exposed items are held back; the default is the setting. A `forced` run trains even if a data check
    refuses. `slates` is the file, on the worker's machine, for the held-out answers, see `run_training`. `message_id`
    is the schedule's message, if any. Raises InvalidInput for an exposure out of range.
    """
    exposure = settings.EXPOSURE_STRENGTH if exposure is None else exposure
    if not 0 <= exposure <= 1:
        raise InvalidInput.of("exposure", f"a strength from 0 to 1, not {exposure:g}")
    close_silent_runs()
    with transaction.atomic():
        run = TrainingRun.objects.create(
            actor=actor,
            budget_s=budget_s,
            sampler=sampler,
            study=study,
            exposure=exposure,
            seed=seed,
            forced=forced,
            thorough=thorough,
            message_id=message_id,
        )
        wishes = {"budget_s": budget_s, "sampler": str(sampler), "exposure": f"{exposure:g}", "seed": seed}
        data = {**wishes, "forced": forced}
        record(category="model", action="training.queued", actor=actor, object=f"training_run:{run.pk}", data=data)
        if hand_over:
            transaction.on_commit(lambda: _to_worker(run.pk, slates))
    return run


def queue_night(message_id: str | None, *, budget_s: int) -> TrainingRun:
    """Return the run of the schedule's message; a new one unless the message came before.

    The broker delivers a message again if its training takes longer than the broker's timeout.
    """
    if message_id is not None and (existing := _run_of_message(message_id)):
        return existing
    try:
        return queue_training(actor="system:schedule", budget_s=budget_s, hand_over=False, message_id=message_id)
    except IntegrityError:  # another worker had it at the same moment
        return TrainingRun.objects.get(message_id=message_id)


def _run_of_message(message_id: str) -> TrainingRun | None:
    run = TrainingRun.objects.filter(message_id=message_id).first()
    if run is not None:
        log.warning("training.night_came_again run=%s state=%s message=%s", run.pk, run.state, message_id)
    return run


def queue_once(*, actor: str, **wishes: Any) -> tuple[TrainingRun, bool]:
    """Queue a training unless one with the same options is queued; return it, and whether it is new.

    For a run that is queued already, the message is sent again: it may be lost, and a duplicate changes nothing.
    """
    with transaction.atomic():
        registry_lock()  # otherwise both clicks of a double click would create one
        queued = TrainingRun.objects.filter(state=RunState.QUEUED, **wishes).first()
        if queued is None:
            return queue_training(actor=actor, **wishes), True
    _to_worker(queued.pk, None)
    return queued, False


def may_be_stopped(run: TrainingRun) -> bool:
    """Return whether a run can be stopped: it has not ended, and does not register its version yet."""
    return run.state not in OVER and run.progress < REGISTERS and not run.stop_asked_by


def stop_training(run_id: int, *, actor: str) -> TrainingRun:
    """Request the stop of a run. A running one stops at its next step, a queued one never starts; neither makes a
    version.

    Raises NotFound, and Conflict if the run has ended or registers its version already.
    """
    close_silent_runs()
    with transaction.atomic():
        run = TrainingRun.objects.select_for_update().filter(pk=run_id).first()
        if run is None:
            raise NotFound(f"There is no training run {run_id}.")
        if run.state in OVER:
            raise Conflict(f"Training {run.pk} is over.")
        if run.progress >= REGISTERS:
            raise Conflict(f"Training {run.pk} registers its version already: it can no longer be stopped.")
        if run.stop_asked_by:
            return run
        run.stop_asked_by = actor
        fields = ["stop_asked_by"]
        if run.state == RunState.QUEUED:
            run.state, run.message, run.finished_at = (
                RunState.STOPPED,
                "It was stopped before it began.",
                clock.real_now(),
            )
            fields += ["state", "message", "finished_at"]
        run.save(update_fields=fields)
        data = {"step": run.step, "progress": f"{run.progress:.2f}"}
        record(category="model", action="training.stopped", actor=actor, object=f"training_run:{run.pk}", data=data)
    return run


def close_silent_runs(*, but: TrainingRun | None = None) -> None:
    """Mark runs without a recent heartbeat as failed."""
    silent = TrainingRun.objects.filter(state=RunState.RUNNING).exclude(pk__in=alive_runs().values("pk"))
    for run in silent if but is None else silent.exclude(pk=but.pk):
        log.warning("training.died run=%s heard=%s", run.pk, run.heartbeat_at)
        TrainingRun.objects.filter(pk=run.pk, state=RunState.RUNNING, heartbeat_at=run.heartbeat_at).update(
            state=RunState.FAILED, message=death_message(run), finished_at=clock.real_now()
        )


def _to_worker(run_id: int, slates: Path | None) -> None:
    path = str(slates.resolve()) if slates else None
    current_app.send_task("modelops.train", args=[run_id], kwargs={"slates": path})

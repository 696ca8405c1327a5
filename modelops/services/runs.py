"""Runs of training: asked for, handed to a worker, stopped, and closed where their process died."""

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
from modelops.selectors.runs import OVER, alive_runs, words_of_death
from modelops.services.registry import one_at_a_time
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
    hand_over: bool = True,
    slates: Path | None = None,
    message_id: str | None = None,
) -> TrainingRun:
    """Make the row of a run and, unless the caller runs it, hand it to a worker once the row is there.

    `budget_s` seconds go to tuning; `study` is a file in which the search for settings is kept, and gone on with where
    the data are the same: unnamed, `SEARCH_FILE` in the model directory. `exposure` is how strongly over-exposed items
    are held back, 0 to 1; not told, as the setting says. A `forced` run trains although a check of the data refuses it.
    `slates` is where the worker, on this machine, writes the held-out answers: see `run_training`. `message_id` is the
    message that asks for it, if one does. Raises InvalidInput for another exposure.
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
            message_id=message_id,
        )
        wishes = {"budget_s": budget_s, "sampler": str(sampler), "exposure": f"{exposure:g}", "seed": seed}
        told = {**wishes, "forced": forced}
        record(category="model", action="training.queued", actor=actor, object=f"training_run:{run.pk}", data=told)
        if hand_over:
            transaction.on_commit(lambda: _to_worker(run.pk, slates))
    return run


def queue_night(message_id: str | None, *, budget_s: int) -> TrainingRun:
    """Return the run that the schedule's message asks for, a new one unless that message came before.

    The broker delivers a night that lasts longer than it waits again, to whoever is free then.
    """
    if message_id is not None and (known := _asked_by(message_id)):
        return known
    try:
        return queue_training(actor="system:schedule", budget_s=budget_s, hand_over=False, message_id=message_id)
    except IntegrityError:  # another worker had it at the same moment
        return TrainingRun.objects.get(message_id=message_id)


def _asked_by(message_id: str) -> TrainingRun | None:
    known = TrainingRun.objects.filter(message_id=message_id).first()
    if known is not None:
        log.warning("training.night_came_again run=%s state=%s message=%s", known.pk, known.state, message_id)
    return known


def queue_once(*, actor: str, **wishes: Any) -> tuple[TrainingRun, bool]:
    """Queue a training, unless one with the same wishes waits; return it, and whether it is new.

    Of one that waits a worker is told again: its message may be lost, and one that comes twice changes nothing.
    """
    with transaction.atomic():
        one_at_a_time()  # else both clicks of a double click find none
        waiting = TrainingRun.objects.filter(state=RunState.QUEUED, **wishes).first()
        if waiting is None:
            return queue_training(actor=actor, **wishes), True
    _to_worker(waiting.pk, None)
    return waiting, False


def may_be_stopped(run: TrainingRun) -> bool:
    """Return whether a run can be asked to stop: one that waits or works, and does not register its version yet."""
    return run.state not in OVER and run.progress < REGISTERS and not run.stop_asked_by


def stop_training(run_id: int, *, actor: str) -> TrainingRun:
    """Ask a run to stop: one that works stops at its next step, one that waits never begins. No version comes of it.

    Raises NotFound, and Conflict where it is over, or registers its version already.
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
            run.state, run.message, run.finished_at = RunState.STOPPED, "It was stopped before it began.", clock.now()
            fields += ["state", "message", "finished_at"]
        run.save(update_fields=fields)
        data = {"step": run.step, "progress": f"{run.progress:.2f}"}
        record(category="model", action="training.stopped", actor=actor, object=f"training_run:{run.pk}", data=data)
    return run


def close_silent_runs(*, but: TrainingRun | None = None) -> None:
    """Mark runs as failed whose process died without a word."""
    silent = TrainingRun.objects.filter(state=RunState.RUNNING).exclude(pk__in=alive_runs().values("pk"))
    for run in silent if but is None else silent.exclude(pk=but.pk):
        log.warning("training.died run=%s heard=%s", run.pk, run.heartbeat_at)
        TrainingRun.objects.filter(pk=run.pk, state=RunState.RUNNING, heartbeat_at=run.heartbeat_at).update(
            state=RunState.FAILED, message=words_of_death(run), finished_at=clock.now()
        )


def _to_worker(run_id: int, slates: Path | None) -> None:
    path = str(slates.resolve()) if slates else None
    current_app.send_task("modelops.train", args=[run_id], kwargs={"slates": path})

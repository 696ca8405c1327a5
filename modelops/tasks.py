"""Celery doors of this room."""

import logging
from pathlib import Path
from typing import Any

from celery import shared_task
from django.conf import settings

from common.errors import DomainError
from modelops.services.drift_watch import watch_drift
from modelops.services.increments import run_increment
from modelops.services.mirror import MirrorDown, mirror
from modelops.services.runs import queue_night
from modelops.services.training import run_training

log = logging.getLogger(__name__)


@shared_task(name="modelops.train", bind=True, acks_late=True)  # type: ignore[untyped-decorator]
def train(self: Any, run_id: int | None = None, *, slates: str | None = None) -> None:
    """Run a training that was asked for, or (by the schedule, without an id) a new one, of one message once.

    `slates` as in the service, of a training that was asked for alone: no schedule names files that a worker writes.
    """
    if run_id is None:
        night = queue_night(self.request.id, budget_s=60 * settings.TUNING_MINUTES)
        run_id, slates = night.pk, None
    run_training(run_id, slates=Path(slates) if slates else None)


# Of a copy that broke off the alias stays where it was: who is killed in it does it again, not more often than of a
# server that is down, and where the whole worker is gone another one does.
@shared_task(  # type: ignore[untyped-decorator]
    name="modelops.mirror",
    bind=True,
    max_retries=8,
    acks_late=True,
    reject_on_worker_lost=True,
    retry_on_worker_lost=True,
)
def mirror_task(self: Any, version: str) -> None:
    """Copy a version to MLflow; while MLflow is down, try again for about an hour. Doing so twice changes nothing."""
    try:
        mirror(version)
    except MirrorDown as error:
        raise self.retry(exc=error, countdown=15 * 2**self.request.retries) from error


@shared_task(name="modelops.increment")  # type: ignore[untyped-decorator]
def increment() -> None:
    """Let the live model learn again what is learnt in seconds, where that is wanted and due."""
    if settings.INCREMENT_MINUTES:
        try:
            log.info("increment.done %s", run_increment())
        except DomainError as error:
            log.warning("increment.refused %s", error.detail)


# Killed before its end it has kept nothing, killed later it is known by what was kept. Three more times, minutes apart
# and before the training: what is too large for the machine must not take its worker for ever.
@shared_task(  # type: ignore[untyped-decorator]
    name="modelops.watch_drift",
    bind=True,
    max_retries=3,
    acks_late=True,
    reject_on_worker_lost=True,
    retry_on_worker_lost=True,
)
def watch_drift_task(self: Any) -> None:
    """Hold the last day against what the live model learnt from, and its answers against the week before."""
    redelivered = (self.request.delivery_info or {}).get("redelivered", False)
    watch_drift(actor="system:schedule", again=bool(self.request.retries or redelivered))

"""Celery tasks of this room."""

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
from modelops.services.unlearning import TASK, holds_erased

log = logging.getLogger(__name__)


@shared_task(name="modelops.train", bind=True, acks_late=True)  # type: ignore[untyped-decorator]
def train(self: Any, run_id: int | None = None, *, slates: str | None = None) -> None:
    """Run a queued training, or a new one if the schedule sends no id. A message that comes twice runs once.

    `slates` is as in the service. It is ignored without an id: the schedule must not name files for a worker to write.
    """
    if run_id is None:
        night = queue_night(self.request.id, budget_s=60 * settings.TUNING_MINUTES)
        run_id, slates = night.pk, None
    run_training(run_id, slates=Path(slates) if slates else None)


# An interrupted copy leaves the alias on the old version, so a killed task is retried, as often as for a server that is
# down. If the whole worker is lost, another worker retries.
@shared_task(  # type: ignore[untyped-decorator]
    name="modelops.mirror",
    bind=True,
    max_retries=8,
    acks_late=True,
    reject_on_worker_lost=True,
    retry_on_worker_lost=True,
)
def mirror_task(self: Any, version: str) -> None:
    """Copy a version to MLflow; while MLflow is down, retry for about an hour. A second copy changes nothing."""
    try:
        mirror(version)
    except MirrorDown as error:
        raise self.retry(exc=error, countdown=15 * 2**self.request.retries) from error


@shared_task(name="modelops.increment")  # type: ignore[untyped-decorator]
def increment() -> None:
    """Make an increment of the live model if increments are configured and one is due."""
    if settings.INCREMENT_MINUTES:
        try:
            log.info("increment.done %s", run_increment())
        except DomainError as error:
            log.warning("increment.refused %s", error.detail)


# While a training or another increment runs, or data look broken, it waits: the tables must not keep an erased shopper.
@shared_task(  # type: ignore[untyped-decorator]
    name=TASK, bind=True, max_retries=120, acks_late=True, reject_on_worker_lost=True
)
def unlearn(self: Any) -> None:
    """Take erased shoppers out of the live model's tables; try again every half minute, for an hour at most."""
    if not holds_erased():
        return
    try:
        log.info("unlearning.done %s", run_increment(forced=True, unlearning=True, actor="system:privacy"))
    except DomainError as error:
        log.warning("unlearning.refused %s", error.detail)
    if holds_erased():
        raise self.retry(countdown=30)


# A watch killed before its end has stored nothing; one killed later is recognized by its stored row. It is retried at
# most three times: data too large for the machine must not kill its worker forever.
@shared_task(  # type: ignore[untyped-decorator]
    name="modelops.watch_drift",
    bind=True,
    max_retries=3,
    acks_late=True,
    reject_on_worker_lost=True,
    retry_on_worker_lost=True,
)
def watch_drift_task(self: Any) -> None:
    """Compare the last day's traffic with the live model's training data, and its answers with the week before."""
    redelivered = (self.request.delivery_info or {}).get("redelivered", False)
    watch_drift(actor="system:schedule", again=bool(self.request.retries or redelivered))

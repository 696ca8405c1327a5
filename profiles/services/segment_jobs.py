"""Jobs on segments and their progress rows: queue, run, and close those whose process died."""

import logging
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

from celery import current_app
from django.db import DatabaseError, InterfaceError, transaction

from common import clock
from common.errors import DomainError
from profiles.models import SegmentJob, SegmentJobKind, SegmentJobState
from profiles.selectors.jobs import DEAD_AFTER, DIED
from profiles.services.segment_scan import Progress

Run = Callable[[SegmentJob, Progress], Mapping[str, Any]]
WRITE_SECONDS: Final = 0.5
log = logging.getLogger(__name__)


def queue_job(kind: str, *, actor: str, rule: Any = None, hand_over: bool = True) -> SegmentJob:
    """Create the row of a job; with `hand_over`, queue it for a worker after the commit.

    A job of the same kind that has not begun does the same work: it is returned instead, unless it counts a rule.
    """
    close_dead_jobs()
    if kind != SegmentJobKind.COUNT:
        queued = SegmentJob.objects.filter(kind=kind, state=SegmentJobState.QUEUED).first()
        if queued is not None:
            _send(queued.pk, hand_over=hand_over)
            return queued
    job = SegmentJob.objects.create(kind=kind, actor=actor, rule=rule)
    _send(job.pk, hand_over=hand_over)
    return job


def run_job(job_id: int, work: Mapping[str, Run]) -> SegmentJob | None:
    """Run a queued job; return None if another process has it already. A message that comes twice runs it once."""
    now = clock.real_now()
    claimed = SegmentJob.objects.filter(pk=job_id, state=SegmentJobState.QUEUED).update(
        state=SegmentJobState.RUNNING, started_at=now, heartbeat_at=now
    )
    if not claimed:
        return None
    job = SegmentJob.objects.get(pk=job_id)
    try:
        result = work[job.kind](job, _progress_of(job))
    except DomainError as error:
        _end(job, SegmentJobState.FAILED, message=error.detail)
    except Exception as error:
        _end(job, SegmentJobState.FAILED, message=f"{type(error).__name__}: {error}")
        raise
    else:
        _end(job, SegmentJobState.DONE, message=str(result.get("message", "")), result=dict(result))
    return job


def close_dead_jobs() -> None:
    """Mark jobs as failed whose process died."""
    SegmentJob.objects.filter(state=SegmentJobState.RUNNING, heartbeat_at__lt=clock.real_now() - DEAD_AFTER).update(
        state=SegmentJobState.FAILED, message=DIED, finished_at=clock.real_now()
    )


def _progress_of(job: SegmentJob) -> Progress:
    written_at = float("-inf")

    def write(step: str, share: float) -> None:
        nonlocal written_at
        if step == job.step and time.monotonic() - written_at < WRITE_SECONDS:
            return
        written_at = time.monotonic()
        job.step, job.progress, job.heartbeat_at = step[:200], share, clock.real_now()
        try:
            job.save(update_fields=["step", "progress", "heartbeat_at"])
        except (DatabaseError, InterfaceError) as error:
            log.warning("segment_job.progress_lost job=%s error=%s", job.pk, error)

    return write


def _end(job: SegmentJob, state: str, *, message: str, result: dict[str, Any] | None = None) -> None:
    job.state, job.message, job.finished_at = state, message, clock.real_now()
    if state == SegmentJobState.DONE:
        job.progress, job.step, job.result = 1.0, "", result or {}
    job.save(update_fields=["state", "message", "finished_at", "progress", "step", "result"])


def _send(job_id: int, *, hand_over: bool) -> None:
    if hand_over:
        transaction.on_commit(lambda: current_app.send_task("profiles.run_segment_job", args=[job_id]))

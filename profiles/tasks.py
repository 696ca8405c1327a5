"""Celery tasks of this room."""

from typing import Final

from celery import shared_task
from django.conf import settings

from profiles.models import SegmentJobKind
from profiles.services.segment_counts import count_segments
from profiles.services.segment_estimates import count
from profiles.services.segment_fill import fill
from profiles.services.segment_jobs import Run, queue_job, run_job
from profiles.services.segment_refits import refit

WORK: Final[dict[str, Run]] = {
    SegmentJobKind.FILL.value: fill,
    SegmentJobKind.COUNT.value: count,
    SegmentJobKind.REFIT.value: refit,
}
"""What each kind of job does."""


@shared_task(name="profiles.run_segment_job", acks_late=True)  # type: ignore[untyped-decorator]
def run_segment_job(job_id: int) -> None:
    """Run a queued job."""
    run_job(job_id, WORK)


@shared_task(name="profiles.refit_segments")  # type: ignore[untyped-decorator]
def refit_segments() -> None:
    """Fit the clusters, as scheduled."""
    if settings.SEGMENT_REFIT_HOURS:
        run_job(queue_job(SegmentJobKind.REFIT, actor="system:schedule", hand_over=False).pk, WORK)


@shared_task(name="profiles.count_segments")  # type: ignore[untyped-decorator]
def count_all_segments() -> None:
    """Store the hour's sizes and flows."""
    count_segments()

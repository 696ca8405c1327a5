"""Reads of jobs on segments."""

from datetime import datetime, timedelta
from typing import Final

from django.db.models import Q

from common import clock
from common.failures import Failure
from profiles.models import SegmentJob, SegmentJobState

DEAD_AFTER: Final = timedelta(minutes=2)
"""A running job writes its progress more often than this."""
DIED: Final = "The worker died."


def failed_jobs(*, since: datetime) -> list[Failure]:
    """Return the jobs that failed since the moment, the newest first, and running ones whose process died."""
    dead = Q(state=SegmentJobState.RUNNING, heartbeat_at__lt=clock.real_now() - DEAD_AFTER)
    rows = SegmentJob.objects.filter(dead | Q(state=SegmentJobState.FAILED, created_at__gte=since))
    return [
        Failure(
            row.pk,
            f"“{row.get_kind_display()}” failed",
            row.message or DIED,
            row.finished_at or row.heartbeat_at or row.created_at,
        )
        for row in rows.defer("rule", "result")
    ]

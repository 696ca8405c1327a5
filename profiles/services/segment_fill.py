"""Determines the segments of everybody, without telling anybody: after a definition changed, after a rebuild."""

import time
from collections.abc import Mapping
from typing import Any, Final

from common import clock, redis
from profiles import keys
from profiles.models import SegmentJob
from profiles.selectors.segments import live_segments
from profiles.services.segment_members import SegmentMembers
from profiles.services.segment_scan import Progress, list_subjects, people

PROFILERS_READ_SECONDS: Final = 1.0
"""Within this time every profiler has read new definitions (`segmenter.CHECK_SECONDS`)."""
REBUILD_SECONDS: Final = 120
"""A rebuild that writes nothing for so long has died."""


def fill(job: SegmentJob, progress: Progress) -> Mapping[str, Any]:
    """Determine everybody's segments once all profilers know the definitions."""
    time.sleep(PROFILERS_READ_SECONDS)
    return {"message": f"{determine_all(progress):,} shoppers"}


def determine_all(progress: Progress) -> int:
    """Determine everybody's segments silently; return the number of people."""
    list_subjects()
    members, count = SegmentMembers(live_segments()), 0
    for batch in people(progress, step="Determining members"):
        members.determine(batch, moments={}, now=clock.epoch_us(), silent=True)
        count += len(batch)
    return count


def begin_rebuild() -> None:
    """Pause the profilers' segments: half a profile would end most of them. Called again while the rebuild goes on."""
    redis.client().set(keys.REBUILD, 1, ex=REBUILD_SECONDS)


def end_rebuild() -> int:
    """Determine everybody's segments after a rebuild, and let the profilers go on; return the number of people."""
    begin_rebuild()
    count = determine_all(lambda step, share: begin_rebuild())
    redis.client().delete(keys.REBUILD)
    return count

"""Determines due segments between the batches of the profiler, a little at a time."""

import logging
import time
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any, Final

from django.db import InterfaceError, OperationalError

from common import redis
from common.cooldown import Cooldown
from common.errors import Unavailable
from events.consumer import close_broken_connection
from profiles import keys
from profiles.selectors.segments import live_segments
from profiles.services.segment_members import AT_ONCE, SegmentMembers, send_outbox

CHECK_SECONDS: Final = 0.5
"""How old the definitions of segments may be."""
MOST_SECONDS: Final = 0.5
"""After so much work the profiler gets its turn: a click must not wait behind many who leave together."""
log = logging.getLogger(__name__)


@dataclass(slots=True)
class Segmenter:
    """Keeps the definitions, and determines who is due. While PostgreSQL or the log is away, marks wait."""

    members: SegmentMembers = field(default_factory=SegmentMembers)
    _rest: Cooldown = field(default_factory=lambda: Cooldown(1.0))
    _version: Any = None
    _checked_at: float = float("-inf")

    def work(self, shards: Collection[int]) -> int:
        """Determine who is due on these shards; return the number of marks. Raises redis errors."""
        if not shards or self._rest.active():
            return 0
        try:
            self._refresh()
            return self._work(shards)
        except (Unavailable, OperationalError, InterfaceError) as error:
            log.warning("segments.waiting error=%s", error)
            close_broken_connection()
            self._rest.start()
            self._version = None
            return 0

    def _work(self, shards: Collection[int]) -> int:
        began, total = time.monotonic(), 0
        while count := self.members.determine_due(shards):
            total += count
            send_outbox(shards)
            if count < AT_ONCE or time.monotonic() - began >= MOST_SECONDS:
                break
        else:
            send_outbox(shards)
        return total

    def _refresh(self) -> None:
        """Read the definitions where they changed."""
        if time.monotonic() - self._checked_at < CHECK_SECONDS:
            return
        self._checked_at = time.monotonic()
        version = redis.client().get(keys.SEGMENT_VERSION)
        if self._version is None or version != self._version:
            self.members.segment_set = live_segments()
            self._version = version or b""

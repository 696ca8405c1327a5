"""How long answers take to compute, so that a slot does not start what it cannot finish in time."""

import time
from collections import deque
from collections.abc import Callable
from statistics import median
from typing import Final

NEWEST: Final = 5
"""Durations that the estimate is the median of: one slow answer, as the first of a process, does not move it."""
FEWEST: Final = 3
"""With fewer durations nothing is expected: each answer is tried."""
PROBE_SECONDS: Final = 1.0
"""So long after the last duration of a strategy an answer is tried whatever the estimate says. A process that became
fast again is known to be so after three of them."""


class Durations:
    """The median of the newest milliseconds by strategy. It recovers by itself: see `PROBE_SECONDS`."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._newest: dict[str, deque[float]] = {}
        self._tried_at: dict[str, float] = {}

    def expected(self, strategy: str) -> float:
        """Return how many milliseconds an answer of the strategy usually takes; 0 where too little is known."""
        newest = tuple(self._newest.get(strategy, ()))
        return median(newest) if len(newest) >= FEWEST else 0.0

    def is_late(self, strategy: str, time_left_ms: float) -> bool:
        """Return whether an answer would probably not be ready in the time left, and is not due as a probe."""
        if time_left_ms < 0:
            return True
        if self.expected(strategy) <= time_left_ms:
            return False
        now = self._now()
        if now - self._tried_at.get(strategy, now) < PROBE_SECONDS:
            return True
        self._tried_at[strategy] = now
        return False

    def note(self, strategy: str, milliseconds: float) -> None:
        """Take one more duration into the estimate."""
        self._newest.setdefault(strategy, deque(maxlen=NEWEST)).append(milliseconds)
        self._tried_at[strategy] = self._now()


durations = Durations()
"""The durations of this process."""

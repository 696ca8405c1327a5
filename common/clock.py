"""The time, asked in one place so that tests can hold it."""

import time
from datetime import UTC, datetime


def now() -> datetime:
    """Return the current time, aware, in UTC."""
    return datetime.now(UTC)


def epoch_us() -> int:
    """Return the current time in microseconds since 1970."""
    return time.time_ns() // 1_000

"""The current time, in one place so that tests can set it, and conversions between microseconds and aware UTC."""

import time
from datetime import UTC, datetime, timedelta
from typing import Final

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

HOW_TO_WRITE: Final = {
    "invalid_date": "Write the date as 2026-12-31.",
    "invalid_time": "Write the time as 18:00; a day begins at 00:00.",
}
"""Error messages of forms for an invalid date or time."""


def now() -> datetime:
    """Return the current time, aware, in UTC."""
    return datetime.now(UTC)


def epoch_us() -> int:
    """Return the current time in microseconds since 1970."""
    return time.time_ns() // 1_000


def from_microseconds(at: int) -> datetime:
    """Return microseconds since 1970 as an aware time."""
    return EPOCH + timedelta(microseconds=at)


def to_microseconds(at: datetime) -> int:
    """Return an aware time as microseconds since 1970."""
    delta = at - EPOCH
    return (delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds

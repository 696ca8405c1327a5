"""The time, asked in one place so that tests can hold it, and its two forms: microseconds since 1970, and aware UTC."""

import time
from datetime import UTC, datetime, timedelta
from typing import Final

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


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

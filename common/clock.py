"""The current time, in one place so that tests can set it, and conversions between microseconds and aware UTC.

`now` and `epoch_us` are the product's time. Only a simulation makes it run faster than the real one (`follow`).
Liveness of processes, and the audit log, use the real time.
"""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

HOW_TO_WRITE: Final = {
    "invalid_date": "Write the date as 2026-12-31.",
    "invalid_time": "Write the time as 18:00; a day begins at 00:00.",
}
"""Error messages of forms for an invalid date or time."""

Course = Callable[[int], int]
"""The product's time at a real time, both in microseconds since 1970."""
_course: Course | None = None


def now() -> datetime:
    """Return the product's time, aware, in UTC."""
    return real_now() if _course is None else from_microseconds(_course(real_epoch_us()))


def epoch_us() -> int:
    """Return the product's time in microseconds since 1970."""
    return product_us(real_epoch_us())


def real_now() -> datetime:
    """Return the real time, aware, in UTC, also where the product's clock runs fast."""
    return datetime.now(UTC)


def real_epoch_us() -> int:
    """Return the real time in microseconds since 1970."""
    return time.time_ns() // 1_000


def product_us(real_us: int) -> int:
    """Return the product's time at a real time, both in microseconds since 1970."""
    return real_us if _course is None else _course(real_us)


def follow(course: Course | None) -> None:
    """Let the product's time in this process follow a course; None: the real time."""
    global _course
    _course = course


def from_microseconds(at: int) -> datetime:
    """Return microseconds since 1970 as an aware time."""
    return EPOCH + timedelta(microseconds=at)


def to_microseconds(at: datetime) -> int:
    """Return an aware time as microseconds since 1970."""
    delta = at - EPOCH
    return (delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds

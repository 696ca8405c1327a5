"""Event time (microseconds since the epoch) and the tables' time (aware, UTC), one from the other. Pure."""

from datetime import UTC, datetime, timedelta
from typing import Final

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def from_microseconds(at: int) -> datetime:
    """Return microseconds since the epoch as an aware time."""
    return EPOCH + timedelta(microseconds=at)


def to_microseconds(at: datetime) -> int:
    """Return an aware time as microseconds since the epoch."""
    delta = at - EPOCH
    return (delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds

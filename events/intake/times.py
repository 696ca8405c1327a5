"""Event times, corrected by the sender's clock. Pure. Times are microseconds since the epoch, UTC."""

from datetime import UTC, datetime
from typing import Any, Final

from common.clock import to_microseconds

EARLIEST: Final = to_microseconds(datetime(2000, 1, 1, tzinfo=UTC))
"""Earlier times come from a broken clock: the event then counts from when it was received."""


def parse_time(value: Any) -> int | None:
    """Return an ISO 8601 text, or a number of (milli-, micro-) seconds, as microseconds; None for anything else."""
    if isinstance(value, str):
        return _parse_text(value.strip())
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    scale = 1 if abs(value) >= 1e14 else 1_000 if abs(value) >= 1e11 else 1_000_000
    return round(value * scale) if abs(value) < 1e17 else None


def _parse_text(text: str) -> int | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return to_microseconds(moment if moment.tzinfo else moment.replace(tzinfo=UTC))


def event_time(*, received_at: int, sent_at: int | None, original: int | None) -> int:
    """Return receivedAt - (sentAt - originalTimestamp): the delay is right even if the sender's clock is wrong.

    Without `sent_at` the original time counts. No event happens after it was received.
    """
    if original is None:
        return received_at
    at = original if sent_at is None else received_at - (sent_at - original)
    return min(at, received_at) if at >= EARLIEST else received_at

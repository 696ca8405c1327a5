"""Events and entries for the tests of this room."""

from typing import Any

from events.log import Entry
from events.types.base import Event

START = 1_790_000_000_000_000
"""A moment in September 2026, in microseconds."""
ALLOWED = ("analytics", "personalization", "train_models")


def event(number: int, /, **fields: Any) -> Event:
    """Return a Product Viewed of Ada's, one second after the one before, or whatever the fields say."""
    defaults: dict[str, Any] = {
        "message_id": f"m{number}",
        "kind": "track",
        "name": "Product Viewed",
        "at": START + number * 1_000_000,
        "received_at": START + number * 1_000_000 + 5,
        "user_id": "ada",
        "properties": {"product_id": f"P{number}"},
        "allowed": ALLOWED,
        "source": "test",
    }
    return Event(**{**defaults, **fields})


def entry(source_event: Event) -> Entry:
    """Return the event as the log takes it."""
    return Entry("event", source_event.raw_id, source_event.encode())

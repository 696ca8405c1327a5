"""Purchases through the log into PostgreSQL, as the recorder writes them."""

from collections.abc import Sequence

from events.log import get_log
from events.log.base import Entry
from events.services.recorder import Recorder, offsets
from events.types.base import Event


def bought(message_id: str, shopper: int, product_id: str, at: int) -> Event:
    """Return the order of one product by a shopper who allows training; `at` is in microseconds."""
    return Event(
        message_id=message_id,
        kind="track",
        name="Order Completed",
        at=at,
        received_at=at,
        user_id=f"u{shopper}",
        properties={"order_id": message_id, "products": [{"product_id": product_id, "quantity": 1, "price": 5}]},
        allowed=("analytics", "personalization", "train_models"),
        source="test",
    )


def put(events: Sequence[Event]) -> None:
    """Write events into the log, then record them in PostgreSQL."""
    log = get_log()
    log.append([Entry("event", event.raw_id, event.encode()) for event in events])
    after = offsets(range(log.shards))
    Recorder().record(log.read_many(after, count=10_000), after=after)

"""Erasure of a shopper's lines. They are copies of events, so an export finds everything there."""

from common import privacy
from events.stream import ring


def register() -> None:
    """Add the stream to the registry."""
    privacy.register(
        privacy.Store(
            name="event stream",
            erase=lambda person: ring.forget(person.subjects),
            export=lambda person: {},
            discover=lambda person: [privacy.Holding("lines", ("subject", "event"), ring.count_of(person.subjects))],
        )
    )

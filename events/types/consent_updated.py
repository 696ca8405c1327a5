"""Consent Updated: a shopper decided about purposes."""

from events.types.event_type import EventType

CONSENT_UPDATED = EventType(
    name="Consent Updated",
    summary="A shopper decided about purposes.",
    purpose="essential",
)

"""Segment Left: a shopper does not meet a segment any more; written by the server alone."""

from events.types.event_type import EventType
from events.types.segment_entered import CAUSE, NAME, SEGMENT

SEGMENT_LEFT = EventType(
    name="Segment Left",
    summary="A shopper does not meet a segment any more; written by the server alone.",
    purpose="personalization",
    fields=(SEGMENT, NAME, CAUSE),
    server_only=True,
)

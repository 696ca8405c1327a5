"""Segment Entered: a shopper meets a segment from now on; written by the server alone."""

from events.types.event_type import EventType
from events.types.fields import Field, words

CAUSE = Field("cause", words, "What led to it: an event, or time.")
SEGMENT = Field("segment", words, "The key of the segment.", required=True)
NAME = Field("name", words, "Its name.")
SEGMENT_ENTERED = EventType(
    name="Segment Entered",
    summary="A shopper meets a segment from now on; written by the server alone.",
    purpose="personalization",
    fields=(SEGMENT, NAME, CAUSE),
    server_only=True,
)

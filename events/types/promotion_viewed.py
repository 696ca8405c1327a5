"""Promotion Viewed: a banner or an offer was shown."""

from events.types.event_type import EventType
from events.types.fields import Field, words

PROMOTION_VIEWED = EventType(
    name="Promotion Viewed",
    summary="A banner or an offer was shown.",
    fields=(Field("promotion_id", words, "The banner or the offer."),),
)

"""Promotion Clicked: a banner or an offer was clicked."""

from events.types.event_type import EventType
from events.types.fields import Field, words

PROMOTION_CLICKED = EventType(
    name="Promotion Clicked",
    summary="A banner or an offer was clicked.",
    fields=(Field("promotion_id", words, "The banner or the offer."),),
)

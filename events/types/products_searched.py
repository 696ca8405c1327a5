"""Products Searched: a shopper searched the catalogue."""

from events.types.event_type import EventType
from events.types.fields import PRODUCTS, Field, words

PRODUCTS_SEARCHED = EventType(
    name="Products Searched",
    summary="A shopper searched the catalogue.",
    fields=(Field("query", words, "What was searched for."), PRODUCTS),
)

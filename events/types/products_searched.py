"""Products Searched: a shopper searched the catalog."""

from events.types.event_type import EventType
from events.types.fields import PRODUCTS, Field, words

PRODUCTS_SEARCHED = EventType(
    name="Products Searched",
    summary="A shopper searched the catalog.",
    fields=(Field("query", words, "What was searched for."), PRODUCTS),
)

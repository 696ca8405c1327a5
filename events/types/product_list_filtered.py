"""Product List Filtered: a shown list was narrowed or sorted."""

from events.types.event_type import EventType
from events.types.fields import LIST_ID, PRODUCTS, Field, words

PRODUCT_LIST_FILTERED = EventType(
    name="Product List Filtered",
    summary="A shown list was narrowed or sorted.",
    fields=(LIST_ID, Field("category", words, "The category listed."), PRODUCTS),
)

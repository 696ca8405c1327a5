"""Product List Viewed: a list of products was shown: a category, a search result or a recommendation."""

from events.types.event_type import EventType
from events.types.fields import LIST_ID, PRODUCTS, Field, words

PRODUCT_LIST_VIEWED = EventType(
    name="Product List Viewed",
    summary="A list of products was shown: a category, a search result or a recommendation.",
    fields=(LIST_ID, Field("category", words, "The category listed."), PRODUCTS),
)

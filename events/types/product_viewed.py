"""Product Viewed: a shopper looked at a product's page."""

from events.types.event_type import EventType, one_product
from events.types.fields import CURRENCY, LIST_ID, PRICE, PRODUCT

PRODUCT_VIEWED = EventType(
    name="Product Viewed",
    summary="A shopper looked at a product's page.",
    fields=(PRODUCT, LIST_ID, PRICE, CURRENCY),
    reader=one_product("view"),
)

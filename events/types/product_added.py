"""Product Added: a shopper put a product into the cart."""

from events.types.event_type import EventType, one_product
from events.types.fields import CURRENCY, LIST_ID, PRICE, PRODUCT, QUANTITY

PRODUCT_ADDED = EventType(
    name="Product Added",
    summary="A shopper put a product into the cart.",
    fields=(PRODUCT, QUANTITY, PRICE, CURRENCY, LIST_ID),
    reader=one_product("cart"),
)

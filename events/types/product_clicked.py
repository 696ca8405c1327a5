"""Product Clicked: a shopper clicked a product in a list."""

from events.types.event_type import EventType, one_product
from events.types.fields import CURRENCY, LIST_ID, PRICE, PRODUCT

PRODUCT_CLICKED = EventType(
    name="Product Clicked",
    summary="A shopper clicked a product in a list.",
    fields=(PRODUCT, LIST_ID, PRICE, CURRENCY),
    reader=one_product("click"),
)

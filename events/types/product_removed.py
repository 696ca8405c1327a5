"""Product Removed: a shopper took a product out of the cart."""

from events.types.event_type import EventType, one_product
from events.types.fields import CURRENCY, PRICE, PRODUCT, QUANTITY

PRODUCT_REMOVED = EventType(
    name="Product Removed",
    summary="A shopper took a product out of the cart.",
    fields=(PRODUCT, QUANTITY, PRICE, CURRENCY),
    reader=one_product("remove"),
)

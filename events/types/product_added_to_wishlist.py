"""Product Added to Wishlist: a shopper put a product on a wishlist."""

from events.types.event_type import EventType, one_product
from events.types.fields import CURRENCY, LIST_ID, PRICE, PRODUCT

PRODUCT_ADDED_TO_WISHLIST = EventType(
    name="Product Added to Wishlist",
    summary="A shopper put a product on a wishlist.",
    fields=(PRODUCT, PRICE, CURRENCY, LIST_ID),
    reader=one_product("wishlist"),
)

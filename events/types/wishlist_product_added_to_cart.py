"""Wishlist Product Added to Cart: a shopper moved a product from a wishlist into the cart."""

from events.types.event_type import EventType, one_product
from events.types.fields import CURRENCY, PRICE, PRODUCT, QUANTITY

WISHLIST_PRODUCT_ADDED_TO_CART = EventType(
    name="Wishlist Product Added to Cart",
    summary="A shopper moved a product from a wishlist into the cart.",
    fields=(PRODUCT, QUANTITY, PRICE, CURRENCY),
    reader=one_product("cart"),
)

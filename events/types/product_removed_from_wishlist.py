"""Product Removed from Wishlist: a shopper took a product off a wishlist."""

from events.types.event_type import EventType
from events.types.fields import PRODUCT

PRODUCT_REMOVED_FROM_WISHLIST = EventType(
    name="Product Removed from Wishlist",
    summary="A shopper took a product off a wishlist.",
    fields=(PRODUCT,),
)

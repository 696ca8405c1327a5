"""Cart Shared: a shopper shared a cart with somebody."""

from events.types.event_type import EventType
from events.types.fields import PRODUCTS

CART_SHARED = EventType(
    name="Cart Shared",
    summary="A shopper shared a cart with somebody.",
    fields=(PRODUCTS,),
)

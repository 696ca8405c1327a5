"""Cart Viewed: a shopper looked at the cart."""

from events.types.event_type import EventType
from events.types.fields import CURRENCY, PRODUCTS, Field, words

CART_VIEWED = EventType(
    name="Cart Viewed",
    summary="A shopper looked at the cart.",
    fields=(Field("cart_id", words, "The cart, as the shop names it."), CURRENCY, PRODUCTS),
)

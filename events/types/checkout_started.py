"""Checkout Started: a shopper began to pay for the cart."""

from events.types.event_type import EventType, each_product
from events.types.fields import CHECKOUT_ID, CURRENCY, PRODUCTS

CHECKOUT_STARTED = EventType(
    name="Checkout Started",
    summary="A shopper began to pay for the cart.",
    fields=(CHECKOUT_ID, CURRENCY, PRODUCTS),
    reader=each_product("checkout"),
)

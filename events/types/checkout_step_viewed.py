"""Checkout Step Viewed: a step of the checkout was shown."""

from events.types.event_type import EventType
from events.types.fields import CHECKOUT_ID, Field, amount

CHECKOUT_STEP_VIEWED = EventType(
    name="Checkout Step Viewed",
    summary="A step of the checkout was shown.",
    fields=(CHECKOUT_ID, Field("step", amount, "The number of the step.")),
)

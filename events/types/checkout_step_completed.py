"""Checkout Step Completed: a step of the checkout was finished."""

from events.types.event_type import EventType
from events.types.fields import CHECKOUT_ID, Field, amount

CHECKOUT_STEP_COMPLETED = EventType(
    name="Checkout Step Completed",
    summary="A step of the checkout was finished.",
    fields=(CHECKOUT_ID, Field("step", amount, "The number of the step.")),
)

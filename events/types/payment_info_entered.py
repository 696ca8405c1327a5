"""Payment Info Entered: a shopper entered how to pay."""

from events.types.event_type import EventType
from events.types.fields import CHECKOUT_ID

PAYMENT_INFO_ENTERED = EventType(
    name="Payment Info Entered",
    summary="A shopper entered how to pay.",
    fields=(CHECKOUT_ID,),
)

"""Coupon Entered: a shopper typed a coupon."""

from events.types.event_type import EventType
from events.types.fields import Field, words

COUPON_ENTERED = EventType(
    name="Coupon Entered",
    summary="A shopper typed a coupon.",
    fields=(Field("coupon_id", words, "The coupon."), Field("coupon_name", words, "Its code.")),
)

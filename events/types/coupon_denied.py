"""Coupon Denied: a coupon was not accepted."""

from events.types.event_type import EventType
from events.types.fields import Field, words

COUPON_DENIED = EventType(
    name="Coupon Denied",
    summary="A coupon was not accepted.",
    fields=(Field("coupon_id", words, "The coupon."), Field("coupon_name", words, "Its code.")),
)

"""Coupon Applied: a coupon was accepted."""

from events.types.event_type import EventType
from events.types.fields import Field, words

COUPON_APPLIED = EventType(
    name="Coupon Applied",
    summary="A coupon was accepted.",
    fields=(Field("coupon_id", words, "The coupon."), Field("coupon_name", words, "Its code.")),
)

"""Coupon Removed: a coupon was taken back."""

from events.types.event_type import EventType
from events.types.fields import Field, words

COUPON_REMOVED = EventType(
    name="Coupon Removed",
    summary="A coupon was taken back.",
    fields=(Field("coupon_id", words, "The coupon."), Field("coupon_name", words, "Its code.")),
)

"""Order Cancelled: an order was called off."""

from events.types.event_type import EventType
from events.types.fields import ORDER_FIELDS

ORDER_CANCELLED = EventType(
    name="Order Cancelled",
    summary="An order was called off.",
    purpose="essential",
    fields=ORDER_FIELDS,
)

"""Order Refunded: money was given back for an order, wholly or in part."""

from events.types.event_type import EventType
from events.types.fields import ORDER_FIELDS

ORDER_REFUNDED = EventType(
    name="Order Refunded",
    summary="Money was given back for an order, wholly or in part.",
    purpose="essential",
    fields=ORDER_FIELDS,
)

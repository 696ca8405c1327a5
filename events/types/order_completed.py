"""Order Completed: a shopper bought the products."""

from events.types.event_type import EventType, each_product
from events.types.fields import ORDER_FIELDS

ORDER_COMPLETED = EventType(
    name="Order Completed",
    summary="A shopper bought the products.",
    purpose="essential",
    fields=ORDER_FIELDS,
    reader=each_product("purchase"),
)

"""Order Updated: a placed order changed; the event holds its new lines."""

from events.types.event_type import EventType
from events.types.fields import ORDER_FIELDS

ORDER_UPDATED = EventType(
    name="Order Updated",
    summary="A placed order changed; the event holds its new lines.",
    purpose="essential",
    fields=ORDER_FIELDS,
)

"""Product Shared: a shopper shared a product with somebody."""

from events.types.event_type import EventType
from events.types.fields import PRODUCT

PRODUCT_SHARED = EventType(
    name="Product Shared",
    summary="A shopper shared a product with somebody.",
    fields=(PRODUCT,),
)

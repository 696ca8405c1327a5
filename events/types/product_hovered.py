"""Product Hovered: a shopper held the pointer over a product."""

from events.types.event_type import EventType, one_product
from events.types.fields import LIST_ID, PRODUCT, Field, amount

PRODUCT_HOVERED = EventType(
    name="Product Hovered",
    summary="A shopper held the pointer over a product.",
    fields=(PRODUCT, LIST_ID, Field("seconds", amount, "For how long.")),
    reader=one_product("hover"),
)

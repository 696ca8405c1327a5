"""Page Engaged: how long and how far a page was read."""

from events.types.event_type import EventType, one_product
from events.types.fields import Field, ProductField, amount, fraction

PAGE_ENGAGED = EventType(
    name="Page Engaged",
    summary="How long and how far a page was read.",
    fields=(
        ProductField(required=False),
        Field("seconds", amount, "Time on the page, in seconds."),
        Field("scroll_depth", fraction, "The furthest point seen, in percent of the page."),
    ),
    reader=one_product("engage"),
)

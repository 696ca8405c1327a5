"""Product Reviewed: a shopper rated a product."""

from events.types.base import Event, Interaction
from events.types.event_type import EventType, interaction
from events.types.fields import PRODUCT, Field, stars, words
from events.types.products import line_of, number


def _read(event: Event) -> list[Interaction]:
    line, rating = line_of(event.properties), number(event.properties.get("rating"))
    return [interaction(event, "rating", line, value=float(rating))] if line and rating is not None else []


PRODUCT_REVIEWED = EventType(
    name="Product Reviewed",
    summary="A shopper rated a product.",
    fields=(
        PRODUCT,
        Field("rating", stars, "Stars, from 0 to 5."),
        Field("review_id", words, "The review, as the shop names it."),
    ),
    reader=_read,
)

"""Preference Given: a shopper answered an onboarding question, or pressed like."""

from events.types.base import Event, Interaction
from events.types.event_type import EventType, interaction
from events.types.fields import Field, ProductField, flag, stars, words
from events.types.products import line_of, number

DISLIKE_STARS = 1.0
"""Returns the interaction of a preference. A dislike has no signal of its own and counts as the lowest rating."""


def _read(event: Event) -> list[Interaction]:
    line = line_of(event.properties)
    if line is None:
        return []
    rating, liked = number(event.properties.get("rating")), event.properties.get("liked")
    if rating is not None:
        return [interaction(event, "rating", line, value=float(rating))]
    if liked is True:
        return [interaction(event, "like", line)]
    return [interaction(event, "rating", line, value=DISLIKE_STARS)] if liked is False else []


PREFERENCE_GIVEN = EventType(
    name="Preference Given",
    summary="A shopper answered an onboarding question, or pressed like.",
    purpose="personalization",
    fields=(
        ProductField(required=False),
        Field("liked", flag, "Whether the product is liked; leave it out for a skipped question."),
        Field("rating", stars, "Stars, from 0 to 5, instead of `liked`."),
        Field("question", words, "What was asked, where it was not about a product."),
    ),
    reader=_read,
)

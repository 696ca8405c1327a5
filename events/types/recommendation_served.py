"""Recommendation Served: the server answered a placement; written by the server alone."""

from events.types.event_type import EventType
from events.types.fields import PRODUCTS, Field, words

RECOMMENDATION_SERVED = EventType(
    name="Recommendation Served",
    summary="The server answered a placement; written by the server alone.",
    fields=(Field("recommendation_id", words, "The answer.", required=True), PRODUCTS),
    server_only=True,
)

"""Experiment Viewed: a shopper saw a variation of an experiment."""

from events.types.event_type import EventType
from events.types.fields import Field, words

EXPERIMENT_VIEWED = EventType(
    name="Experiment Viewed",
    summary="A shopper saw a variation of an experiment.",
    purpose="experiments",
    fields=(
        Field("experiment_id", words, "The experiment's key.", required=True),
        Field("variation_id", words, "The variation's key, or its number."),
    ),
)

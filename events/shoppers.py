"""Attributes of shoppers as columns for training: of those who allow it, read through the code of live profiles."""

from collections.abc import Sequence
from typing import Any, Final

import orjson
import pandas as pd

from common.clock import to_microseconds
from customers.selectors import people
from events.frames import Excluded
from events.shopper_attributes import attributes_in
from events.streaming import stream_rows
from events.training_counts import PURPOSE
from events.types.base import Event

QUERY: Final = """
SELECT message_id, at, user_id, anonymous_id, traits FROM events_event
WHERE kind = 'identify' AND %s = ANY(allowed) ORDER BY at, message_id
"""


def shoppers_frame(names: Sequence[str]) -> pd.DataFrame:
    """Return user_id (the person's key, as in `training_frame`) and a column for each name, with the latest value.

    An identify event counts if its subject allowed training when it arrived and has not refused it since.
    """
    resolver = people()
    excluded = Excluded(resolver)
    attributes: dict[str, dict[str, Any]] = {}
    for message_id, at, user_id, anonymous_id, traits in stream_rows(QUERY, [PURPOSE]):
        event = Event(
            message_id=message_id,
            kind="identify",
            name="",
            at=to_microseconds(at),
            received_at=0,
            user_id=user_id,
            anonymous_id=anonymous_id,
            traits=orjson.loads(traits),
        )
        person = resolver.person(user_id=user_id, anonymous_id=anonymous_id, at=event.at)
        if not excluded(event, person) and (stated := attributes_in(event, names)):
            attributes.setdefault(person, {}).update(stated)
    rows = [{"user_id": person, **stated} for person, stated in attributes.items()]
    return pd.DataFrame(rows, columns=["user_id", *names], dtype=object)

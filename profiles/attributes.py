"""How what was said of a shopper is kept: one short JSON a name, the latest said. Pure."""

from collections.abc import Iterable
from typing import Any

import orjson

from events.types.base import Event
from profiles.people import Rows


def member(event: Event, name: str, value: Any) -> bytes:
    """Return what is kept: [name, time, message id, value]; the latest by time, then message id, stands."""
    return orjson.dumps([name, event.at, event.message_id, value])


def rows_of(members: Iterable[bytes]) -> Rows:
    """Return kept sayings with their times."""
    return [(orjson.loads(one)[1], one) for one in members]


def latest(rows: Rows) -> dict[str, Any]:
    """Return the values said last, in the order of their names; what was taken back is left out."""
    stated = sorted((orjson.loads(one) for _, one in rows), key=lambda one: (one[1], one[2]))
    values = {name: value for name, _, _, value in stated}
    return {name: value for name, value in sorted(values.items()) if value is not None}

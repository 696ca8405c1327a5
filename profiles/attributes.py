"""How what was said of a shopper is kept: one short JSON a name, the latest said. Pure."""

from collections.abc import Iterable
from typing import Any

import orjson

from events.types.base import Event
from profiles.people import Rows


def saying(event: Event, name: str, value: Any) -> bytes:
    """Return what is kept: [name, time, message id, value]; the latest by time, then message id, stands."""
    return orjson.dumps([name, event.at, event.message_id, value])


def sayings(kept: Iterable[bytes]) -> Rows:
    """Return kept sayings with their times."""
    return [(orjson.loads(one)[1], one) for one in kept]


def latest(rows: Rows) -> dict[str, Any]:
    """Return the values said last, in the order of their names; what was taken back is left out."""
    said = sorted((orjson.loads(one) for _, one in rows), key=lambda one: (one[1], one[2]))
    found = {name: value for name, _, _, value in said}
    return {name: value for name, value in sorted(found.items()) if value is not None}

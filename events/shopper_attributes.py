"""Attributes of an identify event that may count in recommendations. Pure: live profiles and training share it."""

from collections.abc import Iterable
from typing import Any, Final

import orjson

from customers.personal import is_sealed
from events.types.base import Event

MOST_BYTES: Final = 200
"""Longer values are texts, not attributes."""


def attributes_in(event: Event, names: Iterable[str]) -> dict[str, Any]:
    """Return the named traits of an identify event, null where the sender removed one; nothing for other events.

    What was sealed because its name was not declared then stays out.
    """
    if event.kind != "identify":
        return {}
    return {name: event.traits[name] for name in names if name in event.traits and _short(event.traits[name])}


def _short(value: Any) -> bool:
    return not is_sealed(value) and len(orjson.dumps(value)) <= MOST_BYTES

"""Stored form of a shopper's attributes: one short JSON for each name, the latest value. Pure."""

from collections.abc import Iterable
from typing import Any

import orjson

from events.types.base import Event
from profiles.people import Rows


def member(event: Event, name: str, value: Any) -> bytes:
    """Return the stored form: [name, time, message id, value]. The latest by time, then message id, wins."""
    return orjson.dumps([name, event.at, event.message_id, value])


def key_of(member: bytes) -> tuple[str, int, str]:
    """Return name, time and message id of a stored attribute."""
    name, at, message_id, _ = orjson.loads(member)
    return name, at, message_id


def rows_of(members: Iterable[bytes]) -> Rows:
    """Return stored attributes with their times."""
    return [(orjson.loads(one)[1], one) for one in members]


def latest(rows: Rows) -> dict[str, Any]:
    """Return the latest values, sorted by name; removed attributes are left out."""
    stated = sorted((orjson.loads(one) for _, one in rows), key=lambda one: (one[1], one[2]))
    values = {name: value for name, _, _, value in stated}
    return {name: value for name, value in sorted(values.items()) if value is not None}

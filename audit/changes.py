"""What an audit event changed, as rows of a table: before and after. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from audit.sentences import HIDDEN, words


@dataclass(frozen=True, slots=True)
class Change:
    """One field; `before` is None where the log does not know it."""

    field: str
    before: str | None
    after: str


def changes_of(data: Mapping[str, Any], earlier: Mapping[str, Any] | None = None) -> list[Change]:
    """Return the changes of an event's data.

    Some events hold both states. Of others the state before is that in the `earlier` event about the same object: then
    only what differs is returned. Without one, everything is new.
    """
    after, before = state_of(data), data.get("before")
    if isinstance(before, dict):
        return [
            Change(words(name), text(old), text(after.get(name)))
            for name, old in before.items()
            if old != after.get(name)
        ]
    if earlier is None:
        return [Change(words(name), None, text(value)) for name, value in after.items()]
    state = state_of(earlier)
    return [
        Change(words(name), text(state[name]) if name in state else None, text(value))
        for name, value in after.items()
        if name not in state or state[name] != value
    ]


def state_of(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields that an event states."""
    for name in ("after", "values"):
        if isinstance(data.get(name), dict):
            return dict(data[name])
    return {name: value for name, value in data.items() if name not in HIDDEN}


def text(value: Any) -> str:
    """Return a value as people read it."""
    match value:
        case None | "":
            return "nothing"
        case bool():
            return "yes" if value else "no"
        case str() | int():
            return str(value)
        case list() if all(isinstance(one, str | int) for one in value):
            return ", ".join(map(str, value)) or "nothing"
    return orjson.dumps(value).decode()

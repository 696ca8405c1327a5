"""The bytes of an audit event, as stored, hashed and exported: RFC 8785 canonical JSON. Pure.

Floats are refused: two languages may print the same number differently, and outsiders hash these bytes.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

import orjson
import rfc8785

VERSION: Final = 1
LARGEST: Final = 2**53 - 1


def event_bytes(
    *,
    id: UUID,
    at: datetime,
    category: str,
    action: str,
    actor: str,
    object: str,
    data: Mapping[str, Any],
    subject: str | None = None,
    detail: str | None = None,
) -> bytes:
    """Return the canonical bytes; absent `subject` and `detail` are left out.

    Raises ValueError for a float or a type that JSON does not have.
    """
    event: dict[str, Any] = {
        "v": VERSION,
        "id": str(id),
        "at": stamp(at),
        "category": category,
        "action": action,
        "actor": actor,
        "object": object,
        "data": plain(data),
    }
    event.update({name: value for name, value in (("subject", subject), ("detail", detail)) if value is not None})
    return canonical(event)


def canonical(value: Mapping[str, Any]) -> bytes:
    """Return canonical JSON of a value without floats.

    orjson is ten times as fast and differs only in the order of names beyond ASCII: in ASCII the bytes are the same.
    """
    quick = orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    return quick if quick.isascii() else rfc8785.dumps(value)


def stamp(at: datetime) -> str:
    """Return a time as the log writes it: UTC, microseconds, `Z`."""
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def plain(value: Any) -> Any:
    """Return the value as JSON types: decimals, ids, times, and integers from 2**53 on become strings. Raises
    ValueError.
    """
    match value:
        case None | bool() | str():
            return value
        case int():
            return value if abs(value) <= LARGEST else str(value)
        case Decimal() | UUID():
            return str(value)
        case datetime():
            return stamp(value)
        case Mapping():
            return {str(name): plain(inner) for name, inner in value.items()}
        case Sequence() | set() | frozenset() if not isinstance(value, bytes | bytearray):
            return [plain(inner) for inner in (sorted(value) if isinstance(value, set | frozenset) else value)]
    raise ValueError(f"an audit event cannot hold {type(value).__name__} {value!r}; write it as a string")

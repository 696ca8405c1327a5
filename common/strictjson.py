"""JSON, read strictly: UTF-8, finite numbers, no name twice, nested no deeper than anybody means to. Pure."""

import json
from typing import Any, Final

import orjson

MAX_DEPTH: Final = 16


def loads(text: bytes | str) -> Any:
    """Return the value. Raises ValueError for what is not JSON, holds NaN or infinity, or is nested too deeply."""
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise ValueError("not UTF-8, or compressed") if _is_not_utf8(text) else error from None
    if _too_deep(value):
        raise ValueError(f"nested deeper than {MAX_DEPTH}")
    return value


def loads_unique(text: bytes | str) -> Any:
    """Return the value as `loads` does. Raises ValueError also where an object holds a name twice."""
    value = loads(text)
    json.loads(text, object_pairs_hook=_unique)
    return value


def _is_not_utf8(body: bytes | str) -> bool:
    """Asked after a failure: of bytes that are no text, orjson says that surrogates are not allowed."""
    try:
        return isinstance(body, bytes) and not body.decode()
    except UnicodeDecodeError:
        return True


def _too_deep(value: Any) -> bool:
    """Walks level by level: Python's own recursion has no part in it."""
    level = [value]
    for _ in range(MAX_DEPTH + 1):
        level = [inner for outer in level for inner in _inside(outer)]
        if not level:
            return False
    return any(isinstance(inner, dict | list) for inner in level)


def _inside(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        raise ValueError("a name appears twice in one object")
    return value

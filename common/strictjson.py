"""JSON, read strictly: UTF-8, finite numbers, no name twice, nested no deeper than anybody means to. Pure."""

import json
from typing import Any, Final

import orjson

DEEPEST: Final = 16


def loads(text: bytes | str, *, deepest: int = DEEPEST) -> Any:
    """Return the value. Raises ValueError for what is not JSON, holds NaN or infinity, or is nested too deeply."""
    value = orjson.loads(text)
    if depth_exceeds(value, deepest):
        raise ValueError(f"nested deeper than {deepest}")
    return value


def loads_unique(text: bytes | str, *, deepest: int = DEEPEST) -> Any:
    """Return the value as `loads` does. Raises ValueError also where an object holds a name twice."""
    value = loads(text, deepest=deepest)
    json.loads(text, object_pairs_hook=_unique)
    return value


def depth_exceeds(value: Any, deepest: int) -> bool:
    """Return whether the value is nested deeper than `deepest` objects and lists; walks level by level."""
    level = [value]
    for _ in range(deepest + 1):
        level = [inner for outer in level for inner in _inside(outer)]
        if not level:
            return False
    return any(isinstance(inner, dict | list) for inner in level)


def _inside(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name appears twice in one object")
    return found

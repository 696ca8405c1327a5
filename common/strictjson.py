"""Strict JSON: UTF-8, finite numbers, limited nesting, optionally no duplicate names. Pure."""

import json
import re
from typing import Any, Final

import orjson

MAX_DEPTH: Final = 16
_ESCAPED_LETTER: Final = re.compile(rb"\\u00[4-7]")


def loads(text: bytes | str) -> Any:
    """Return the value. Raises ValueError for invalid JSON, NaN or infinity, and for too deep nesting."""
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise ValueError("not UTF-8, or compressed") if _is_not_utf8(text) else error from None
    if _too_deep(value):
        raise ValueError(f"nested deeper than {MAX_DEPTH}")
    return value


def loads_unique(text: bytes | str) -> Any:
    """Return the value as `loads` does. Raises ValueError also for duplicate names in an object."""
    value = loads(text)
    json.loads(text, object_pairs_hook=_unique)
    return value


def repeats(text: bytes, name: str) -> bool:
    """Return whether the object that the JSON text holds names something twice: readers would lose one of both.

    Names inside of it do not count. Almost always the answer needs no second parse.
    """
    if text.count(f'"{name}"'.encode()) < 2 and not _ESCAPED_LETTER.search(text):
        return False
    pairs: list[tuple[str, Any]] = []

    def note(of_one: list[tuple[str, Any]]) -> None:
        pairs[:] = of_one  # the outermost object ends last

    try:
        json.loads(text, object_pairs_hook=note)
    except (ValueError, RecursionError):
        return False
    return [key for key, _ in pairs].count(name) > 1


def _is_not_utf8(body: bytes | str) -> bool:
    """Return whether bytes are not UTF-8: orjson's message for them speaks of surrogates."""
    try:
        return isinstance(body, bytes) and not body.decode()
    except UnicodeDecodeError:
        return True


def _too_deep(value: Any) -> bool:
    """Return whether the value is nested too deeply. Walks level by level, without recursion."""
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


def without_nul(value: Any) -> Any:
    """Return JSON with every NUL character replaced."""
    if isinstance(value, str):
        return value.replace("\x00", "\N{REPLACEMENT CHARACTER}")
    if isinstance(value, list):
        return [without_nul(inner) for inner in value]
    if isinstance(value, dict):
        return {without_nul(name): without_nul(inner) for name, inner in value.items()}
    return value

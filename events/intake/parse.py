"""From JSON text to the items of a request. Pure.

A batch is parsed as a whole. If that fails it is cut into items, so that one item with a NaN, an overflowing number, a
broken text or a thousand brackets does not reject the others.
"""

import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import orjson

from common.errors import InvalidInput, TooLarge
from common.strictjson import repeats
from events.intake.limits import MAX_ITEMS
from events.types.products import MAX_TEXT

# Possessive, and the closing quote optional: the expression never backtracks, so hostile text costs linear time.
_TOKEN: Final = re.compile(rb'"(?:[^"\\]|\\.)*+"?+|[{}\[\],:]|[^\s{}\[\],:"]++', re.DOTALL)
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_OPEN, _CLOSE = b"{[", b"}]"


@dataclass(frozen=True, slots=True)
class Unreadable:
    """An item that is no JSON value (RFC 8259), with the reason; field and message id where they can be read."""

    reason: str
    text: str
    field: str = ""
    message_id: str | None = None


@dataclass(frozen=True, slots=True)
class Body:
    """The content of a request: its items, and the other fields."""

    items: list[Any]
    rest: dict[str, Any]


def parse_batch(text: bytes) -> Body:
    """Return the items of `{"batch": [...]}` and the other fields.

    Raises InvalidInput, also for two batches in one body, of which one would be lost; and TooLarge for too many items.
    """
    try:
        whole = orjson.loads(text)
    except orjson.JSONDecodeError:
        whole = _parse_apart(text)
    if not isinstance(whole, dict):
        raise InvalidInput.of("", "the body must be a JSON object")
    check_once(text, "batch")
    items = whole.pop("batch", None)
    if not isinstance(items, list) or not items:
        raise InvalidInput.of("batch", "must be a list of at least one event")
    if len(items) > MAX_ITEMS:
        raise TooLarge(f"The batch holds more than {MAX_ITEMS} events.")
    return Body(items, whole)


def check_once(text: bytes, name: str) -> None:
    """Raise InvalidInput where the body names the field twice: the events of one of both would be lost."""
    if repeats(text, name):
        raise InvalidInput.of(name, "appears twice in one body")


def parse_single(text: bytes) -> dict[str, Any]:
    """Return the single event of a body. Raises InvalidInput."""
    try:
        item = orjson.loads(text)
    except orjson.JSONDecodeError:
        item = _item(text)
    if isinstance(item, Unreadable):
        raise InvalidInput.of(item.field, item.reason)
    if not isinstance(item, dict):
        raise InvalidInput.of("", "the body must be a JSON object")
    return item


def _parse_apart(text: bytes) -> dict[str, Any]:
    """Return the body with each item of its batch parsed alone. Raises InvalidInput if the body is no JSON object."""
    start, pieces, end = _cut(text)
    check_once(text[:start] + text[end:], "batch")
    try:
        rest = orjson.loads(text[:start] + text[end:])
    except orjson.JSONDecodeError as error:
        raise InvalidInput.of("", f"the body is not JSON: {error.msg}") from error
    if not isinstance(rest, dict):
        raise InvalidInput.of("", "the body must be a JSON object")
    return {**rest, "batch": [_item(piece) for piece in pieces]}


def _cut(text: bytes) -> tuple[int, list[bytes], int]:
    """Return the start of the batch's content, its items as text, and the end of its content."""
    depth, key, previous = 0, b"", b""
    tokens = _tokens(text)
    for token, _, end in tokens:
        if depth == 1 and previous == b'"batch"' and token == b":":
            key = previous
        elif depth == 1 and key and token == b"[":
            pieces, stop = _pieces(text, tokens, end)
            return end, pieces, stop
        elif key:
            break
        depth += (token in _OPEN) - (token in _CLOSE)
        previous = token
    raise InvalidInput.of("", "the body is not JSON")


def _pieces(text: bytes, tokens: Iterator[tuple[bytes, int, int]], start: int) -> tuple[list[bytes], int]:
    pieces, depth = [], 0
    for token, begin, end in tokens:
        if depth == 0 and token in (b",", b"]"):
            pieces.append(text[start:begin])
            start = end
            if len(pieces) > MAX_ITEMS:
                raise TooLarge(f"The batch holds more than {MAX_ITEMS} events.")
            if token == b"]":
                return pieces, begin
        depth += (token in _OPEN) - (token in _CLOSE)
    raise InvalidInput.of("", "the body is not JSON: it ends too early")


def _tokens(text: bytes) -> Iterator[tuple[bytes, int, int]]:
    return ((match.group(), match.start(), match.end()) for match in _TOKEN.finditer(text))


def _item(text: bytes) -> Any:
    """Return the item, or the reason why it is unreadable. Raises InvalidInput for text far from JSON."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        return Unreadable(_reason(text, error.msg), text.decode("utf-8", "replace"), *_lenient_reading(text))


def _lenient_reading(text: bytes) -> tuple[str, str | None]:
    """Return the path of the first value that is no JSON, and the message id; as far as Python's own parser reads."""
    try:
        item = json.loads(text)
        field = next(_bad_places(item), "")
    except (RecursionError, ValueError):
        return "", None
    message_id = item.get("messageId") if isinstance(item, dict) else None
    is_sound = isinstance(message_id, str) and message_id.isprintable() and 0 < len(message_id) <= MAX_TEXT
    return field[:MAX_TEXT], message_id if is_sound else None


def _bad_places(value: Any, place: str = "") -> Iterator[str]:
    """Yield the paths of numbers without end and of texts that are no UTF-8."""
    if isinstance(value, dict | list):
        pairs = value.items() if isinstance(value, dict) else enumerate(value)
        for name, inner in pairs:
            path = f"{place}[{name}]" if isinstance(name, int) else f"{place}.{name}".removeprefix(".")
            if path.isprintable():
                yield from _bad_places(inner, path)
    elif isinstance(value, float) and not math.isfinite(value) or isinstance(value, str) and _SURROGATE.search(value):
        yield place


def _reason(text: bytes, message: str) -> str:
    try:
        json.loads(text)
    except RecursionError:
        return "is nested too deeply"
    except UnicodeDecodeError:
        return "is not UTF-8"
    except ValueError as error:
        raise InvalidInput.of("", f"the body is not JSON: {message}") from error
    if "surrogate" in message:
        return "holds a broken text"
    return "holds NaN or infinity" if "depth" not in message else "is nested too deeply"

"""Limits of a parsed item and of the shared parts of a batch: size, depth, characters that no store accepts. Pure."""

from typing import Any, Final

import orjson

from common.errors import InvalidInput
from events.intake.limits import MAX_DEPTH, MAX_ITEM

_NUL: Final = "\x00"
_NESTED: Final = (dict, list)


def limit_error(item: dict[str, Any], *, maybe_large: bool = True, maybe_nul: bool = True) -> tuple[str, str] | None:
    """Return reason and field of the first violation, or None.

    The flags skip checks that the size and content of the whole body make unnecessary.
    """
    if error := _check(item, "", 1, nul=maybe_nul):
        return error
    if maybe_large and len(orjson.dumps(item)) > MAX_ITEM:
        return f"is larger than {MAX_ITEM} bytes", ""
    return None


def check_shared(rest: dict[str, Any]) -> None:
    """Raise InvalidInput where an item could not hold the `context` or `integrations` of a batch."""
    if not isinstance(rest.get("context"), dict | None):
        raise InvalidInput.of("context", "must be an object")
    for name in ("context", "integrations"):
        if isinstance(value := rest.get(name), dict) and (error := limit_error({name: value})):
            reason, field = error
            raise InvalidInput.of(field or name, reason)


def _check(value: Any, path: str, depth: int, *, nul: bool) -> tuple[str, str] | None:
    if depth > MAX_DEPTH:
        return f"is nested deeper than {MAX_DEPTH}", path
    pairs = value.items() if isinstance(value, dict) else enumerate(value)
    for name, inner in pairs:
        if isinstance(inner, _NESTED):
            if error := _check(inner, f"{path}.{name}" if path else str(name), depth + 1, nul=nul):
                return error
        elif nul and isinstance(inner, str) and _NUL in inner:
            return "holds a NUL character", f"{path}.{name}" if path else str(name)
        if nul and isinstance(name, str) and _NUL in name:
            return "holds a NUL character", path
    return None

"""Texts that a sender chose, for staff who may not see names: an event's name and a message id may hold one. Pure."""

from typing import Any
from uuid import UUID

from customers.personal import MASK, masked
from events.types.registry import EVENT_TYPES


def masked_name(name: str) -> str:
    """Return the name of one of Vitrine's events; the mask for a custom one."""
    return name if not name or name in EVENT_TYPES else MASK


def masked_message_id(text: str) -> str:
    """Return an id that is random, as SDKs make them; the mask for a shop's own."""
    try:
        return text if str(UUID(text)) == text else MASK
    except ValueError:
        return MASK


def masked_fields(fields: dict[str, Any]) -> dict[str, Any]:
    """Return an event, or an item of a request, with what people wrote in it masked, and all else as it is."""
    return {
        **fields,
        **{name: masked(fields[name]) for name in ("properties", "traits", "context") if name in fields},
        **{name: masked_name(fields[name]) for name in ("event", "name") if isinstance(fields.get(name), str)},
    }

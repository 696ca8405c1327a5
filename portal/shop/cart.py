"""The cart: product ids and units in the session; it needs no consent. Pure."""

from collections.abc import MutableMapping
from dataclasses import dataclass
from typing import Any, Final

KEY: Final = "shop.cart"
MOST_LINES = 50
MOST_UNITS = 20


@dataclass(frozen=True, slots=True)
class CartLine:
    """One line; `list_id` is the recommendation that the shopper clicked, passed on to the order."""

    product_id: str
    quantity: int
    list_id: str = ""


def lines(session: MutableMapping[str, Any]) -> list[CartLine]:
    """Return the lines in the order they were added."""
    return [
        CartLine(product_id, int(units), str(list_id))
        for product_id, (units, list_id) in _stored_lines(session).items()
    ]


def units(session: MutableMapping[str, Any]) -> int:
    """Return the number of units in the cart."""
    return sum(line.quantity for line in lines(session))


def add(session: MutableMapping[str, Any], product_id: str, *, list_id: str = "") -> None:
    """Add one unit; a full cart stays unchanged."""
    stored = _stored_lines(session)
    count, stored_list_id = stored.get(product_id, (0, ""))
    if product_id in stored or len(stored) < MOST_LINES:
        session[KEY] = {**stored, product_id: (min(count + 1, MOST_UNITS), list_id or stored_list_id)}


def remove(session: MutableMapping[str, Any], product_id: str) -> None:
    """Remove a line, if present."""
    session[KEY] = {key: line for key, line in _stored_lines(session).items() if key != product_id}


def empty(session: MutableMapping[str, Any]) -> None:
    """Remove all lines."""
    session[KEY] = {}


def _stored_lines(session: MutableMapping[str, Any]) -> dict[str, tuple[int, str]]:
    return dict(session.get(KEY) or {})

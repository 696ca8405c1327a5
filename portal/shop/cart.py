"""The cart: product ids and units in the session, because a shop needs it whatever the shopper allows. Pure."""

from collections.abc import MutableMapping
from dataclasses import dataclass
from typing import Any, Final

KEY: Final = "shop.cart"
MOST_LINES = 50
MOST_UNITS = 20


@dataclass(frozen=True, slots=True)
class CartLine:
    """One line: `list_id` is the recommendation the shopper came from, carried on to the order."""

    product_id: str
    quantity: int
    list_id: str = ""


def lines(session: MutableMapping[str, Any]) -> list[CartLine]:
    """Return the lines in the order they were put in."""
    return [CartLine(product_id, int(units), str(list_id)) for product_id, (units, list_id) in _kept(session).items()]


def units(session: MutableMapping[str, Any]) -> int:
    """Return how many things are in the cart."""
    return sum(line.quantity for line in lines(session))


def add(session: MutableMapping[str, Any], product_id: str, *, list_id: str = "") -> None:
    """Put one more unit in; a full cart stays as it is."""
    kept = _kept(session)
    count, known = kept.get(product_id, (0, ""))
    if product_id in kept or len(kept) < MOST_LINES:
        session[KEY] = {**kept, product_id: (min(count + 1, MOST_UNITS), list_id or known)}


def remove(session: MutableMapping[str, Any], product_id: str) -> None:
    """Take a line out; one that is not there changes nothing."""
    session[KEY] = {key: line for key, line in _kept(session).items() if key != product_id}


def empty(session: MutableMapping[str, Any]) -> None:
    """Take everything out."""
    session[KEY] = {}


def _kept(session: MutableMapping[str, Any]) -> dict[str, tuple[int, str]]:
    return dict(session.get(KEY) or {})

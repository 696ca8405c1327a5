"""Histories for the tests of segments."""

from typing import Any

from events.types.base import Interaction, Signal
from profiles.segments.rules.evaluation import ShopperState
from profiles.traits.base import ProductInfo
from profiles.traits.registry import TRAITS, values_and_changes

NOW = 1_790_000_000_000_000
MINUTE = 60_000_000
DAY = 1440 * MINUTE
PRODUCTS = {
    "chair": ProductInfo(("Furniture", "Chairs"), "Nord", 89.9),
    "stool": ProductInfo(("Furniture", "Chairs", "Stools"), "Sol", 20.0),
    "rose": ProductInfo(("Garden",), "Sol", 5.0),
}


def did(signal: Signal, product_id: str = "chair", *, minutes_ago: float = 0, **fields: Any) -> Interaction:
    """Return one interaction, with a message of its own unless the fields name one."""
    at = NOW - round(minutes_ago * MINUTE)
    fields.setdefault("message_id", f"{signal}-{product_id}-{at}")
    return Interaction(at=at, signal=signal, product_id=product_id, **fields)


def shopper(*history: Interaction, now: int = NOW, attributes: dict[str, Any] | None = None) -> ShopperState:
    """Return the state of a shopper with this history."""
    by_time = sorted(history, key=lambda one: one.at)
    traits, changes = values_and_changes(by_time, TRAITS, now=now, products=PRODUCTS)
    return ShopperState(now, by_time, attributes or {}, traits, changes, PRODUCTS)

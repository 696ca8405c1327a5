"""Recency, frequency and monetary value of purchases."""

from events.types.base import Interaction
from profiles.traits.base import DAY, Products, Trait

Orders = dict[str, tuple[int, int]]


class Rfm(Trait[Orders]):
    """State: for each order its time and its worth in hundredths; an order without an id is its event."""

    key = "rfm"
    title = "Purchases"

    def empty(self) -> Orders:
        """Return no orders."""
        return {}

    def update(self, state: Orders, one: Interaction) -> Orders:
        """Add a bought line to its order."""
        if one.signal != "purchase":
            return state
        worth = round(100 * (one.price or 0.0) * one.quantity)
        return _add(state, one.order_id or one.message_id, one.at, worth)

    def merge(self, state: Orders, other: Orders) -> Orders:
        """Join the orders."""
        merged = dict(state)
        for order, (at, worth) in other.items():
            _add(merged, order, at, worth)
        return merged

    def value(self, state: Orders, *, now: int, products: Products) -> dict[str, float] | None:
        """Return days since the last order, how many orders, their whole and their average worth."""
        if not state:
            return None
        total = sum(worth for _, worth in state.values())
        return {
            "recency_days": max(0, now - max(at for at, _ in state.values())) // DAY,
            "frequency": len(state),
            "monetary": total / 100,
            "average_order_value": round(total / len(state) / 100, 2),
        }


def _add(orders: Orders, order: str, at: int, worth: int) -> Orders:
    known_at, known_worth = orders.get(order, (at, 0))
    orders[order] = (max(known_at, at), known_worth + worth)
    return orders

"""Recency, frequency and monetary value of purchases."""

from events.types.base import Interaction
from profiles.traits.base import DAY, Products, Refunds, Trait, TraitField, next_day

Orders = dict[str, tuple[int, int | None]]


class Rfm(Trait[Orders]):
    """State: time and value in hundredths of each order; an order without an id is its event.

    The value covers lines with a known price. It is None without any: no price stated, or another currency.
    """

    key = "rfm"
    title = "Purchases"
    fields = (
        TraitField("rfm.recency_days", "Days since the last order"),
        TraitField("rfm.frequency", "Orders"),
        TraitField("rfm.monetary", "Money spent"),
        TraitField("rfm.average_order_value", "Average order value"),
    )

    def empty(self) -> Orders:
        """Return no orders."""
        return {}

    def update(self, state: Orders, one: Interaction) -> Orders:
        """Add a bought line to its order."""
        if one.signal != "purchase":
            return state
        worth = None if one.price is None else round(100 * one.price * one.quantity)
        return _add(state, one.order_id or one.message_id, one.at, worth)

    def merge(self, state: Orders, other: Orders) -> Orders:
        """Join the orders."""
        merged = dict(state)
        for order, (at, worth) in other.items():
            _add(merged, order, at, worth)
        return merged

    def value(self, state: Orders, *, now: int, products: Products, refunds: Refunds) -> dict[str, float | None] | None:
        """Return days since the last order, number of orders, their total and average value.

        Cancelled and wholly refunded orders do not count; refunds reduce the others. Orders of unknown value are in
        neither sum and are counted apart.
        """
        standing = {order: order_state for order, order_state in state.items() if refunds.get(order, 0) is not None}
        if not standing:
            return None
        worths = [
            max(0, worth - (refunds.get(order) or 0)) for order, (_, worth) in standing.items() if worth is not None
        ]
        return {
            "recency_days": max(0, now - max(at for at, _ in standing.values())) // DAY,
            "frequency": len(standing),
            "monetary": sum(worths) / 100,
            "average_order_value": round(sum(worths) / len(worths) / 100, 2) if worths else None,
            "orders_of_unknown_worth": len(standing) - len(worths),
        }

    def next_change(self, state: Orders, *, now: int) -> int | None:
        """Return when the last order is a day older; an order that was cancelled may answer too early."""
        return min((next_day(at, now) for at, _ in state.values()), default=None)


def _add(orders: Orders, order: str, at: int, worth: int | None) -> Orders:
    known_at, known_worth = orders.get(order, (at, None))
    both = [one for one in (known_worth, worth) if one is not None]
    orders[order] = (max(known_at, at), sum(both) if both else None)
    return orders

"""From an order event to an order: decimal amounts, and the source of its revenue. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal

from events.types.base import Event
from events.types.products import ProductLine, lines_of, number, text

OrderStatus = Literal["completed", "updated", "refunded", "cancelled"]
RevenueBasis = Literal["revenue", "total", "lines", "unknown"]
_STATUS: dict[str, OrderStatus] = {
    "Order Completed": "completed",
    "Order Updated": "updated",
    "Order Refunded": "refunded",
    "Order Cancelled": "cancelled",
}
MAX_AMOUNT = Decimal(10) ** 12
"""Every amount lies below it; a sum of lines that does not is no real order's, and no column holds it."""


@dataclass(frozen=True, slots=True)
class OrderRecord:
    """What one event says about one order.

    `revenue` excludes shipping and tax; `revenue_basis` says where it came from: the event's `revenue`, its `total`, or
    the sum of its lines. A refund's amounts are what the shop paid back. `currency` is None where the event names none;
    the shop's currency counts then. `claimed_by` is the raw id whose browser sent it, "" for a server. A server, or a
    browser that the shop trusts with orders, sends a confirmed one.
    """

    order_id: str
    status: OrderStatus
    at: int
    message_id: str
    user_id: str | None
    anonymous_id: str | None
    revenue: Decimal | None
    revenue_basis: RevenueBasis
    total: Decimal | None
    shipping: Decimal | None
    tax: Decimal | None
    discount: Decimal | None
    currency: str | None
    coupon: str | None
    lines: tuple[ProductLine, ...]
    claimed_by: str = ""
    confirmed: bool = True

    @property
    def names_no_part(self) -> bool:
        """Whether a refund names neither lines nor amounts, and so is of the whole order."""
        return self.revenue is None and not (self.lines or self.shipping or self.tax)

    @property
    def refund_stated(self) -> Decimal:
        """The amount a refund states: its revenue, else the sum of its lines that have a price."""
        return _sum_of(self.lines) or Decimal(0) if self.revenue is None else self.revenue

    @property
    def returned_lines(self) -> tuple[ProductLine, ...]:
        """The lines of a refund without an amount: the order's own prices value them."""
        return () if self.revenue is not None else tuple(line for line in self.lines if line.price is None)


def order_of(event: Event) -> OrderRecord | None:
    """Return what the event says about an order, or None where it is no order event or names no order."""
    status = _STATUS.get(event.name) if event.kind == "track" else None
    properties = event.properties
    order_id = text(properties.get("order_id"))
    if status is None or order_id is None:
        return None
    lines = lines_of(properties)
    revenue, basis = _revenue(properties, lines)
    return OrderRecord(
        order_id=order_id,
        status=status,
        at=event.at,
        message_id=event.message_id,
        user_id=event.user_id,
        anonymous_id=event.anonymous_id,
        revenue=revenue,
        revenue_basis=basis,
        total=number(properties.get("total")),
        shipping=number(properties.get("shipping")),
        tax=number(properties.get("tax")),
        discount=number(properties.get("discount")),
        currency=currency_of(properties),
        coupon=text(properties.get("coupon")),
        lines=lines,
        claimed_by=event.raw_id if event.sender else "",
        confirmed=event.sender != "browser",
    )


def _revenue(properties: dict[str, Any], lines: tuple[ProductLine, ...]) -> tuple[Decimal | None, RevenueBasis]:
    if (revenue := number(properties.get("revenue"))) is not None:
        return revenue, "revenue"
    if (total := number(properties.get("total"))) is not None:
        return total, "total"
    amount = _sum_of(lines) if lines and all(line.price is not None for line in lines) else None
    return (None, "unknown") if amount is None else (amount, "lines")


def _sum_of(lines: Iterable[ProductLine]) -> Decimal | None:
    """Return the sum of the lines that have a price, or None where it reaches MAX_AMOUNT."""
    amount = sum((line.price * line.quantity for line in lines if line.price is not None), Decimal(0))
    return amount if amount < MAX_AMOUNT else None


def currency_of(properties: Mapping[str, Any]) -> str | None:
    """Return the currency of an event's amounts, or None where it names none and the shop's counts."""
    code = text(properties.get("currency"))
    return code.upper() if code and len(code) == 3 and code.isalpha() and code.isascii() else None

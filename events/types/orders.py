"""From an order event to an order: money in decimals, and which figure its revenue came from. Pure."""

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
MOST = Decimal(10) ** 12
"""A sum of lines that is no less is nobody's, and no column holds it; amounts told are below it."""


@dataclass(frozen=True, slots=True)
class OrderRecord:
    """What one event says about one order.

    `revenue` excludes shipping and tax; `revenue_basis` tells where it came from: the event's `revenue`, its `total`,
    or the sum of its lines. A refund's amounts are what was given back; one that names no part of the order is
    `of_the_whole`. `currency` is None where the event names none: the shop's currency then.
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

    @property
    def of_the_whole(self) -> bool:
        """Whether the event names no part of the order: shipping or tax alone are one too."""
        return self.revenue is None and not (self.lines or self.shipping or self.tax)

    @property
    def told_back(self) -> Decimal:
        """What a refund tells of its amount: its revenue, else what its lines with a price come to."""
        return _worth(self.lines) or Decimal(0) if self.revenue is None else self.revenue

    @property
    def untold_back(self) -> tuple[ProductLine, ...]:
        """The lines of a refund that it leaves to the order to value."""
        return () if self.revenue is not None else tuple(line for line in self.lines if line.price is None)


def order_of(event: Event) -> OrderRecord | None:
    """Return the order an event tells of, or None where it is no order event or names no order."""
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
    )


def _revenue(properties: dict[str, Any], lines: tuple[ProductLine, ...]) -> tuple[Decimal | None, RevenueBasis]:
    if (revenue := number(properties.get("revenue"))) is not None:
        return revenue, "revenue"
    if (total := number(properties.get("total"))) is not None:
        return total, "total"
    worth = _worth(lines) if lines and all(line.price is not None for line in lines) else None
    return (None, "unknown") if worth is None else (worth, "lines")


def _worth(lines: Iterable[ProductLine]) -> Decimal | None:
    """Return what the lines with a price come to, or None where that is nobody's."""
    worth = sum((line.price * line.quantity for line in lines if line.price is not None), Decimal(0))
    return worth if worth < MOST else None


def currency_of(properties: Mapping[str, Any]) -> str | None:
    """Return the currency that an event's amounts are in, or None where it names none: the shop's then."""
    code = text(properties.get("currency"))
    return code.upper() if code and len(code) == 3 and code.isalpha() and code.isascii() else None

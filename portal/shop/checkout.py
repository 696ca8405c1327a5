"""Orders of the demo shop, sent to Vitrine by the shop's server. An order is a contract and needs no consent."""

from collections.abc import Sequence
from typing import Any

from django.conf import settings

from common import clock
from common.ids import uuid7
from events.services.collect import collect_server_items
from portal.shop.products import PricedLine, total


def place_order(lines: Sequence[PricedLine], *, user_id: str | None, anonymous_id: str = "") -> str:
    """Send Order Completed and return the order's id. Raises Unavailable while the log does not answer."""
    order_id = f"shop-{uuid7()}"
    collect_server_items([order_item(order_id, lines, user_id=user_id, anonymous_id=anonymous_id)])
    return order_id


def order_item(
    order_id: str, lines: Sequence[PricedLine], *, user_id: str | None, anonymous_id: str = ""
) -> dict[str, Any]:
    """Return the order as a Segment item; a guest without an id gets one made from the order id."""
    amount = float(total(lines))
    item: dict[str, Any] = {
        "type": "track",
        "event": "Order Completed",
        "messageId": order_id,
        "timestamp": clock.now().isoformat(),
        "properties": {
            "order_id": order_id,
            "revenue": amount,
            "total": amount,
            "currency": settings.SHOP_CURRENCY,
            "products": [_line(line) for line in lines],
        },
    }
    if user_id:
        item["userId"] = user_id
    if anonymous_id or not user_id:
        item["anonymousId"] = anonymous_id or f"guest-{order_id}"
    return item


def _line(line: PricedLine) -> dict[str, Any]:
    item = {
        "product_id": line.product.product_id,
        "name": line.product.title,
        "price": float(line.product.price or 0),
        "quantity": line.quantity,
        "list_id": line.list_id,
    }
    return {name: value for name, value in item.items() if value != ""}

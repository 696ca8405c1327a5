"""From an order event to an order."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.types.base import Event
from events.types.orders import order_of

LINES = [{"product_id": "P1", "price": "9.99", "quantity": 2, "list_id": "r1"}, {"product_id": "P2", "price": 0.1}]


def ordered(name: str = "Order Completed", **properties: Any) -> Event:
    return Event("m1", "track", name, at=5, received_at=6, user_id="ada", properties={"order_id": "o1", **properties})


@pytest.mark.parametrize(
    ("figures", "revenue", "basis"),
    [
        ({"revenue": 20.08, "total": 30}, Decimal("20.08"), "revenue"),
        ({"revenue": "0", "total": 30}, Decimal(0), "revenue"),
        ({"total": 30.1}, Decimal("30.1"), "total"),
        ({"products": LINES}, Decimal("20.08"), "lines"),
        ({"products": [*LINES, {"product_id": "P3"}]}, None, "unknown"),
        ({}, None, "unknown"),
    ],
)
def test_revenue_says_where_it_came_from(figures: dict[str, Any], revenue: Decimal | None, basis: str) -> None:
    order = order_of(ordered(**figures))

    assert order is not None
    assert (order.revenue, order.revenue_basis) == (revenue, basis)


def test_an_order_is_read_in_decimals_with_its_lines() -> None:
    figures = {"shipping": 4.9, "tax": "3.21", "discount": 1, "currency": "eur", "coupon": "SUMMER", "products": LINES}

    order = order_of(ordered("Order Updated", **figures))

    assert order is not None
    assert (order.order_id, order.status, order.currency, order.coupon) == ("o1", "updated", "EUR", "SUMMER")
    assert (order.shipping, order.tax, order.discount) == (Decimal("4.9"), Decimal("3.21"), Decimal(1))
    assert [(line.product_id, line.quantity, line.price, line.list_id) for line in order.lines] == [
        ("P1", Decimal(2), Decimal("9.99"), "r1"),
        ("P2", Decimal(1), Decimal("0.1"), None),
    ]


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("Order Completed", "completed"),
        ("Order Updated", "updated"),
        ("Order Refunded", "refunded"),
        ("Order Cancelled", "cancelled"),
    ],
)
def test_the_name_tells_the_status(name: str, status: str) -> None:
    order = order_of(ordered(name))

    assert order is not None
    assert order.status == status


def test_what_is_no_order_is_none() -> None:
    assert order_of(ordered("Product Viewed")) is None
    assert order_of(ordered(order_id=None)) is None
    assert order_of(Event("m1", "page", "Order Completed", 5, 6, "ada", properties={"order_id": "o1"})) is None


@given(st.lists(st.tuples(st.integers(1, 99), st.integers(0, 99_999)), min_size=1, max_size=8))
def test_a_sum_of_lines_loses_no_cent(lines: list[tuple[int, int]]) -> None:
    products = [{"product_id": "P", "quantity": quantity, "price": cents / 100} for quantity, cents in lines]

    order = order_of(ordered(products=products))

    assert order is not None
    assert order.revenue == sum(Decimal(quantity * cents) / 100 for quantity, cents in lines)

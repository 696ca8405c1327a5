"""Orders: the same whatever order their events arrive in."""

from datetime import UTC, datetime
from decimal import Decimal
from itertools import permutations
from typing import Any

import pytest

from events.models import Order, OrderLine
from events.services.record import Recorder, offsets
from events.types.base import Event
from tests.events.journal import START, entry, event

pytestmark = pytest.mark.django_db


def told(number: int, what: str, **properties: Any) -> Event:
    return event(number, name=f"Order {what}", properties={"order_id": "O1", **properties}, allowed=())


COMPLETED = told(1, "Completed", revenue=30, tax=5, currency="usd", products=[{"product_id": "A", "price": 30}])
UPDATED = told(
    2,
    "Updated",
    revenue=50,
    products=[{"product_id": "A", "price": 30}, {"product_id": "B", "price": 10, "quantity": 2}],
)
REFUNDED = told(3, "Refunded", revenue=10, products=[{"product_id": "B"}])


def record_each(*events: Event) -> None:
    for one in events:
        after = offsets([0])
        Recorder().record({0: [(after[0] + 1, entry(one))]}, after=after)


@pytest.mark.parametrize("order", list(permutations([COMPLETED, UPDATED, REFUNDED])))
def test_any_arrival_order_gives_the_same_order(order: tuple[Event, ...]) -> None:
    record_each(*order)

    found = Order.objects.get()
    lines = list(OrderLine.objects.order_by("position").values_list("product_id", "quantity", "raw_id"))
    placed = datetime.fromtimestamp(START // 1_000_000 + 1, UTC)
    assert (found.status, found.revenue, found.refunded) == ("refunded", Decimal(50), Decimal(10))
    assert (found.user_id, found.currency, found.placed_at) == ("ada", "EUR", placed)
    assert lines == [("A", Decimal(1), "user:ada"), ("B", Decimal(2), "user:ada")]
    assert set(OrderLine.objects.values_list("placed_at", flat=True)) == {placed}
    assert not found.wholly_refunded


@pytest.mark.parametrize("given_back", [{"revenue": 0, "shipping": 5}, {"shipping": 5}, {"tax": "1.20"}])
def test_a_refund_of_the_shipping_or_the_tax_alone_is_no_refund_of_the_whole(given_back: dict[str, Any]) -> None:
    record_each(COMPLETED, told(4, "Refunded", **given_back))

    found = Order.objects.get()
    assert (found.status, found.refunded, found.wholly_refunded) == ("refunded", Decimal(0), False)


def test_a_batch_of_all_of_them_gives_the_same_order() -> None:
    after = offsets([0])
    events = [entry(one) for one in (UPDATED, COMPLETED, REFUNDED, UPDATED)]

    Recorder().record({0: list(enumerate(events, start=1))}, after=after)

    found = Order.objects.get()
    assert (found.status, found.revenue, found.lines.count()) == ("refunded", Decimal(50), 2)


def test_a_refund_without_amounts_is_of_the_whole_and_a_cancelled_order_says_so() -> None:
    record_each(COMPLETED, told(4, "Refunded"))
    assert Order.objects.get().wholly_refunded

    record_each(told(9, "Cancelled"))
    assert Order.objects.get().status == "cancelled"


def test_an_order_of_lines_beyond_every_sum_is_kept_without_one() -> None:
    huge = {"product_id": "A", "price": 999_999_999_999, "quantity": "999999999999"}
    record_each(told(1, "Completed", products=[huge]), told(2, "Refunded", products=[huge]))

    found = Order.objects.get()
    assert (found.status, found.revenue, found.revenue_basis, found.refunded) == (
        "refunded",
        None,
        "unknown",
        Decimal(0),
    )
    assert found.lines.get().price == 999_999_999_999

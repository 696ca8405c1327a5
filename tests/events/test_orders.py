"""Orders: the same whatever order their events arrive in."""

from datetime import UTC, datetime
from decimal import Decimal
from itertools import permutations
from typing import Any

import pytest

from events.models import Order, OrderLine
from events.services import orders
from events.services.recorder import Recorder, offsets
from events.types.base import Event
from tests.events.builders import START, entry, event

pytestmark = pytest.mark.django_db


def order_event(number: int, what: str, **properties: Any) -> Event:
    return event(number, name=f"Order {what}", properties={"order_id": "O1", **properties}, allowed=())


COMPLETED = order_event(1, "Completed", revenue=30, tax=5, currency="usd", products=[{"product_id": "A", "price": 30}])
UPDATED = order_event(
    2,
    "Updated",
    revenue=50,
    products=[{"product_id": "A", "price": 30}, {"product_id": "B", "price": 10, "quantity": 2}],
)
REFUNDED = order_event(3, "Refunded", revenue=10, products=[{"product_id": "B"}])


def record_each(*events: Event) -> None:
    for one in events:
        after = offsets([0])
        Recorder().record({0: [(after[0] + 1, entry(one))]}, after=after)


@pytest.mark.parametrize("order", list(permutations([COMPLETED, UPDATED, REFUNDED])))
def test_any_arrival_order_gives_the_same_order(order: tuple[Event, ...]) -> None:
    record_each(*order)

    row = Order.objects.get()
    lines = list(OrderLine.objects.order_by("position").values_list("product_id", "quantity", "raw_id"))
    placed = datetime.fromtimestamp(START // 1_000_000 + 1, UTC)
    assert (row.status, row.revenue, row.refunded) == ("refunded", Decimal(50), Decimal(10))
    assert (row.user_id, row.currency, row.placed_at) == ("ada", "EUR", placed)
    assert lines == [("A", Decimal(1), "user:ada"), ("B", Decimal(2), "user:ada")]
    assert set(OrderLine.objects.values_list("placed_at", flat=True)) == {placed}
    assert not row.wholly_refunded


@pytest.mark.parametrize("given_back", [{"revenue": 0, "shipping": 5}, {"shipping": 5}, {"tax": "1.20"}])
def test_a_refund_of_the_shipping_or_the_tax_alone_is_no_refund_of_the_whole(given_back: dict[str, Any]) -> None:
    record_each(COMPLETED, order_event(4, "Refunded", **given_back))

    row = Order.objects.get()
    assert (row.status, row.refunded, row.wholly_refunded) == ("refunded", Decimal(0), False)


SENT_BACK = order_event(3, "Refunded", products=[{"product_id": "B"}, {"product_id": "A", "price": 12}])


@pytest.mark.parametrize("order", list(permutations([COMPLETED, UPDATED, SENT_BACK])))
def test_a_line_sent_back_without_a_price_is_worth_what_the_order_says_whenever_that_comes(
    order: tuple[Event, ...],
) -> None:
    record_each(*order)

    row = Order.objects.get()
    assert (row.refunded, row.wholly_refunded) == (Decimal(22), False)


def test_units_sent_back_in_parts_add_up_and_never_beyond_what_was_bought() -> None:
    one_back = {"products": [{"product_id": "B", "quantity": "1.5"}]}
    record_each(UPDATED, order_event(4, "Refunded", **one_back))
    assert Order.objects.get().refunded == Decimal(15)

    record_each(order_event(5, "Refunded", **one_back))
    assert Order.objects.get().refunded == Decimal(20)


def test_a_product_of_several_lines_is_worth_their_mean() -> None:
    lines = [{"product_id": "A", "price": 10}, {"product_id": "A", "price": 5, "quantity": 2}, {"product_id": "A"}]
    record_each(order_event(1, "Completed", revenue=25, products=lines))

    record_each(order_event(4, "Refunded", products=[{"product_id": "A"}]))

    assert Order.objects.get().refunded == Decimal("6.6667")


@pytest.mark.parametrize("given_back", [{"revenue": 4}, {"total": 4}, {"revenue": 0}])
def test_an_amount_that_a_refund_tells_is_the_worth_of_its_lines(given_back: dict[str, Any]) -> None:
    record_each(COMPLETED, order_event(4, "Refunded", products=[{"product_id": "A"}], **given_back))

    assert Order.objects.get().refunded == next(iter(given_back.values()))


def test_what_has_no_price_anywhere_or_was_not_bought_takes_nothing_off() -> None:
    record_each(order_event(1, "Completed", revenue=30, products=[{"product_id": "A"}]))

    record_each(order_event(4, "Refunded", products=[{"product_id": "A"}, {"product_id": "Z"}]))

    row = Order.objects.get()
    assert (row.status, row.refunded, row.wholly_refunded) == ("refunded", Decimal(0), False)


def test_a_batch_of_all_of_them_gives_the_same_order() -> None:
    after = offsets([0])
    events = [entry(one) for one in (UPDATED, COMPLETED, REFUNDED, UPDATED)]

    Recorder().record({0: list(enumerate(events, start=1))}, after=after)

    row = Order.objects.get()
    assert (row.status, row.revenue, row.lines.count()) == ("refunded", Decimal(50), 2)


def test_a_refund_without_amounts_is_of_the_whole_and_a_cancelled_order_says_so() -> None:
    record_each(COMPLETED, order_event(4, "Refunded"))
    assert Order.objects.get().wholly_refunded

    record_each(order_event(9, "Cancelled"))
    assert Order.objects.get().status == "cancelled"


def test_an_order_of_lines_beyond_every_sum_is_kept_without_one() -> None:
    huge = {"product_id": "A", "price": 999_999_999_999, "quantity": "999999999999"}
    record_each(order_event(1, "Completed", products=[huge]), order_event(2, "Refunded", products=[huge]))

    row = Order.objects.get()
    assert (row.status, row.revenue, row.revenue_basis, row.refunded) == (
        "refunded",
        None,
        "unknown",
        Decimal(0),
    )
    assert row.lines.get().price == 999_999_999_999

    record_each(order_event(3, "Refunded", products=[{"product_id": "A", "quantity": "999999999999"}]))
    assert Order.objects.get().refunded == Decimal(0)


def test_a_line_of_next_to_nothing_is_worth_nothing() -> None:
    crumb = {"product_id": "A", "price": 3, "quantity": "0.00001"}
    record_each(
        order_event(1, "Completed", revenue=3, products=[crumb]),
        order_event(2, "Refunded", products=[{"product_id": "A"}]),
    )

    row = Order.objects.get()
    assert (row.status, row.refunded) == ("refunded", Decimal(0))


def test_of_a_stream_of_refunds_no_more_products_are_remembered_than_an_order_has(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(orders, "MAX_PRODUCTS", 2)

    record_each(
        *(
            order_event(number, "Refunded", products=[{"product_id": one}])
            for number, one in enumerate("CBAC", start=2)
        ),
        order_event(1, "Completed", products=[{"product_id": one, "price": 1} for one in "ABC"]),
    )

    row = Order.objects.get()
    assert (row.returned_units, row.refunded) == ({"A": "1", "B": "1"}, Decimal(2))

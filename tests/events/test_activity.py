"""What pages tell of the shop and of one person."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from common import clock
from common.clock import from_microseconds
from customers.selectors import identity_of
from events.activity import orders_of, pulse, timeline
from events.services.recorder import Recorder, offsets
from events.types.base import Event
from tests.events.builders import START, entry, event

pytestmark = pytest.mark.django_db


def record(*events: Event) -> None:
    after = offsets([0])
    Recorder().record({0: [(after[0] + place, entry(one)) for place, one in enumerate(events, start=1)]}, after=after)


def order(number: int, what: str, order_id: str, **properties: Any) -> Event:
    return event(number, name=f"Order {what}", properties={"order_id": order_id, **properties})


def test_a_customers_page_leaves_out_what_others_did_on_the_device() -> None:
    phone: dict[str, Any] = {"anonymous_id": "phone"}
    bought = order(8, "Completed", "BOS", revenue=5).properties
    record(
        event(1, user_id=None, **phone),
        event(2, kind="identify", name="", properties={}, **phone),
        event(3, user_id=None, **phone),
        event(5, kind="identify", name="", user_id="bo", properties={}, **phone),
        event(6, user_id=None, **phone),
        event(8, name="Order Completed", user_id=None, properties=bought, **phone),
        event(9, user_id="bo"),
    )

    ada, bo = (identity_of(f"user:{who}", now=clock.now()) for who in ("ada", "bo"))

    assert [one.products for one in timeline(ada, limit=9)] == [("P3",), (), ("P1",)]
    assert [one.products for one in timeline(bo, limit=9)] == [("P9",), (), ("P6",), ()]
    assert orders_of(ada, limit=9) == []
    assert [one.order_id for one in orders_of(bo, limit=9)] == ["BOS"]


def test_no_event_is_lost_between_two_pages_of_a_timeline() -> None:
    moment = {"at": START, "received_at": START}
    record(*(event(number, **moment) for number in range(1, 6)), event(9))
    ada = identity_of("user:ada", now=clock.now())

    first = timeline(ada, limit=3)
    second = timeline(ada, limit=9, before=(first[-1].at, first[-1].id))

    assert sorted(product for one in (*first, *second) for product in one.products) == [
        "P1",
        "P2",
        "P3",
        "P4",
        "P5",
        "P9",
    ]


def test_a_timeline_names_the_products_of_whatever_an_event_holds() -> None:
    lines = [{"sku": "A"}, {"id": 7, "price": 1}, {"price": 1}, "B"]
    record(
        event(1, properties={"sku": "P1"}),
        event(2, name="Trumpet Blown", properties={"products": lines}),
        event(3, name="Trumpet Blown", properties={"products": 5}),
        event(4, name="Trumpet Blown", properties={"product_id": {"a": 1}, "products": {"a": 1}}),
    )

    events = timeline(identity_of("user:ada", now=clock.now()), limit=9)

    assert [one.products for one in reversed(events)] == [("P1",), ("A", "7"), (), ()]


def test_revenue_is_what_was_not_given_back() -> None:
    record(
        order(1, "Completed", "kept", revenue=50),
        order(2, "Completed", "some", revenue=50),
        order(3, "Refunded", "some", revenue=20, products=[{"product_id": "A"}]),
        order(4, "Completed", "gone", revenue=50),
        order(5, "Cancelled", "gone"),
        order(6, "Completed", "back", revenue=50),
        order(7, "Refunded", "back"),
    )

    activity = pulse(now=from_microseconds(START) + timedelta(hours=1))

    assert (activity.orders, activity.revenue) == (2, (("EUR", Decimal(80)),))


def test_what_was_given_back_takes_nothing_from_other_orders() -> None:
    record(
        order(1, "Completed", "kept", revenue=50),
        order(2, "Completed", "back", revenue=50, shipping=5),
        order(3, "Refunded", "back", total=55),
    )

    activity = pulse(now=from_microseconds(START) + timedelta(hours=1))

    assert (activity.orders, activity.revenue) == (1, (("EUR", Decimal(50)),))


def test_orders_in_another_currency_are_counted_and_their_money_is_told_apart() -> None:
    record(
        order(1, "Completed", "here", revenue=50),
        order(2, "Completed", "there", revenue=30, currency="USD"),
        order(3, "Completed", "too", revenue=20, currency="EUR"),
        order(4, "Completed", "untold"),
        order(5, "Refunded", "untold", revenue=5, products=[{"product_id": "A"}]),
    )

    activity = pulse(now=from_microseconds(START) + timedelta(hours=1))

    assert (activity.orders, activity.revenue) == (4, (("EUR", Decimal(70)), ("USD", Decimal(30))))

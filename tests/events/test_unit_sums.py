"""What shoppers did lately, by shopper: traffic by day, and sums and products for the spread of a metric."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from customers.models import CustomerLink
from events.models import Event, Order, OrderLine
from events.unit_sums import new_shoppers_by_day, unit_sums

pytestmark = pytest.mark.django_db
VISIT = timedelta(minutes=30)
BEGIN = datetime(2026, 11, 1, tzinfo=UTC)
END = BEGIN + timedelta(days=4)


@dataclass(frozen=True)
class Filter:
    field: str
    operator: str
    value: Any


@dataclass(frozen=True)
class Variable:
    source: str
    aggregate: str = "count"
    events: tuple[str, ...] = ()
    field: str = ""
    filters: tuple[Filter, ...] = ()
    window_hours: int | None = None


def happened(number: int, name: str, *, hours: float, who: str, kind: str = "track", **properties: Any) -> None:
    of, _, value = who.partition(":")
    Event.objects.create(
        id=f"00000000-0000-7000-8000-{number:012}", message_id=str(number), at=BEGIN + timedelta(hours=hours),
        received_at=BEGIN, kind=kind, name=name, properties=properties, shard=0, log_offset=number,
        user_id=value if of == "user" else None, anonymous_id=value if of == "anonymous" else None,
    )  # fmt: skip


def ordered(order_id: str, who: str, revenue: str, **more: Any) -> None:
    row = Order.objects.create(
        order_id=order_id, user_id=who, revenue=revenue, currency="EUR", placed_at=BEGIN + timedelta(hours=30), **more
    )
    OrderLine.objects.create(order=row, position=1, product_id="P1", quantity=2, raw_id=f"user:{who}")


@pytest.fixture
def week() -> None:
    """Ada, who claimed a device, Bo who only looked, and a visitor; on four days."""
    happened(1, "Recommendation Served", hours=1, who="anonymous:phone", placement="home")
    happened(2, "Recommendation Served", hours=26, who="user:ada", placement="home", recommendation_id="a1")
    happened(3, "Product Viewed", hours=27, who="user:bo")
    happened(4, "", hours=50, who="anonymous:x", kind="page")
    happened(5, "Product Clicked", hours=28, who="user:ada", list_id="a1")
    happened(6, "Review", hours=29, who="user:bo", stars=4, size="L")
    happened(7, "Review", hours=29, who="user:bo", stars=2, size="S")
    happened(8, "Review", hours=29, who="user:ada", stars="five")
    happened(9, "Product Viewed", hours=200, who="user:late")
    happened(10, "Recommendation Served", hours=3, who="nobody:", placement="home")
    CustomerLink.objects.create(kind="claim", from_id="phone", user_id="ada", at=BEGIN, message_id="m")
    ordered("o1", "ada", "30", refunded="5")
    ordered("o2", "ada", "10")
    ordered("o3", "ada", "99", status="cancelled")
    ordered("o4", "bo", "99", confirmed=False)


def sums(*variables: Variable, placement: str | None = None) -> tuple[int, list[float]]:
    result = unit_sums(variables, since=BEGIN, until=END, visit=VISIT, most_lists=2, placement=placement)
    return result.n, list(result.sums)


def test_each_shopper_comes_for_the_first_time_once(week: None) -> None:
    assert new_shoppers_by_day(since=BEGIN, until=END) == [1, 1, 1, 0]
    assert new_shoppers_by_day(since=BEGIN, until=END, placement="home") == [1, 0, 0, 0]
    assert new_shoppers_by_day(since=BEGIN, until=END, placement="cart") == [0, 0, 0, 0]


def test_orders_count_less_refunds_and_without_cancelled_ones(week: None) -> None:
    orders = Variable("orders"), Variable("orders", "any"), Variable("orders", "sum", field="revenue")

    assert sums(*orders) == (3, [2, 1, 35])
    assert sums(Variable("orders", "sum", field="items")) == (3, [4])


def test_products_of_sums_are_those_of_each_shopper(week: None) -> None:
    variables = [Variable("orders", "sum", field="revenue"), Variable("orders")]
    result = unit_sums(variables, since=BEGIN, until=END, visit=VISIT, most_lists=2)

    assert result.products == ((35.0**2, 70.0), (70.0, 4.0))


def test_lists_and_clicks_of_a_placement(week: None) -> None:
    assert sums(Variable("answers"), Variable("clicks")) == (3, [2, 1])
    assert sums(Variable("answers"), Variable("clicks"), placement="home") == (1, [2, 1])
    assert sums(Variable("clicks"), placement="cart") == (0, [0])


def test_events_with_filters_and_the_sum_of_a_property(week: None) -> None:
    def review(*filters: Filter, aggregate: str = "count", name: str = "") -> Variable:
        return Variable("events", aggregate, ("Review",), name, filters)

    assert sums(review(), review(aggregate="any")) == (3, [3, 2])
    assert sums(review(aggregate="sum", name="stars")) == (3, [6])
    assert sums(review(Filter("stars", "at_least", 3))) == (3, [1])
    assert sums(review(Filter("size", "is", "S"), aggregate="sum", name="stars")) == (3, [2])
    assert sums(review(Filter("size", "is_not", "S"), Filter("stars", "at_most", 4))) == (3, [1])


def test_who_saw_a_single_page_bounced(week: None) -> None:
    assert sums(Variable("visits", "any")) == (3, [1])


def test_a_page_at_another_visit_is_no_second_page_of_the_first(week: None) -> None:
    happened(11, "", hours=60, who="anonymous:x", kind="page")
    assert sums(Variable("visits", "any")) == (3, [1])

    happened(12, "", hours=50.4, who="anonymous:x", kind="page")

    assert sums(Variable("visits", "any")) == (3, [0])


def test_a_variable_counts_within_its_own_window_of_the_first_time(week: None) -> None:
    """Ada came at hour 1 and ordered at hour 30; Bo came at hour 27 and reviewed at hour 29."""

    def orders(hours: int) -> Variable:
        return Variable("orders", window_hours=hours)

    def reviews(hours: int) -> Variable:
        return Variable("events", events=("Review",), window_hours=hours)

    assert sums(orders(29)) == (3, [0])
    assert sums(orders(30)) == (3, [2])
    assert sums(reviews(2)) == (3, [0])
    assert sums(reviews(3)) == (3, [2])
    assert sums(reviews(3), Variable("orders")) == (3, [2, 2])


def test_who_has_not_had_the_whole_window_is_left_out(week: None) -> None:
    assert sums(Variable("events", events=("Review",), window_hours=60)) == (2, [3])


def test_with_a_placement_only_what_came_after_its_first_answer_counts(week: None) -> None:
    happened(11, "Recommendation Served", hours=40, who="user:bo", placement="cart")

    assert sums(Variable("events", events=("Review",)), placement="cart") == (1, [0])


def test_of_each_shopper_the_first_lists_count_with_their_clicks(week: None) -> None:
    happened(11, "Recommendation Served", hours=30, who="user:ada", placement="home", recommendation_id="a3")
    happened(12, "Product Clicked", hours=31, who="user:ada", list_id="a3")
    happened(13, "Product Clicked", hours=31, who="user:ada", list_id="a1")

    assert sums(Variable("answers"), Variable("clicks")) == (3, [2, 2])


def test_declared_machines_are_nobody(week: None) -> None:
    before = new_shoppers_by_day(since=BEGIN, until=END)
    happened(11, "Recommendation Served", hours=30, who="anonymous:crawler", placement="home")
    Event.objects.filter(anonymous_id="crawler").update(context={"device": {"type": "bot"}})

    assert sums(Variable("answers")) == (3, [2])
    assert new_shoppers_by_day(since=BEGIN, until=END) == before

"""What answers brought: counted once, in whatever order events come, and the same when counted again."""

import random
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from events.models import Impressions, Outcome, ProductImpressions
from events.services import performance
from events.services.recorder import Recorder, offsets
from events.types.base import Event
from tests.events.builders import entry, event

pytestmark = pytest.mark.django_db
HOME, CART = "00000000-0000-7000-8000-000000000001", "00000000-0000-7000-8000-000000000002"
LATE_HOME = "00000000-0000-7000-8000-000000000003"
HOUR, DAY = 3_600, 86_400


def served(second: int, answer: str, placement: str, *products: str, personalized: bool = True) -> Event:
    lines = [{"product_id": one, "position": at} for at, one in enumerate(products, 1)]
    stated = {"recommendation_id": answer, "placement": placement, "personalized": personalized, "products": lines}
    return event(second, name="Recommendation Served", properties=stated)


def touched(second: int, name: str, product: str, answer: str, /, **fields: Any) -> Event:
    position = fields.pop("position", 1)
    return event(
        second, name=name, properties={"product_id": product, "list_id": answer, "position": position}, **fields
    )


def ordered(second: int, order: str, *lines: dict[str, Any], what: str = "Completed", **fields: Any) -> Event:
    stated = {"order_id": order, "products": list(lines), "currency": "EUR"}
    return event(second, name=f"Order {what}", properties=stated, **fields)


def line(product: str, price: float = 10, quantity: int = 1, **more: Any) -> dict[str, Any]:
    return {"product_id": product, "price": price, "quantity": quantity, **more}


STORY = (
    served(1, HOME, "home", "sofa", "lamp", "rug"),
    served(2, CART, "cart", "lamp", personalized=False),
    touched(10, "Product Clicked", "lamp", HOME, position=2),
    touched(11, "Product Clicked", "lamp", HOME, position=2),
    touched(12, "Product Clicked", "sofa", "autumn-sale"),
    touched(20, "Product Added", "lamp", HOME),
    touched(30, "Product Clicked", "lamp", CART, user_id=None, anonymous_id="phone"),
    ordered(40, "O1", line("lamp", 30, 2), line("rug", 99), anonymous_id="phone"),
    ordered(50, "O2", line("rug", 5, list_id=HOME)),
    ordered(60, "O3", line("lamp", 30)),
    ordered(61, "O3", what="Cancelled"),
    ordered(8 * DAY, "O4", line("lamp", 30)),
    served(3, LATE_HOME, "home", "rug"),
    touched(45, "Product Clicked", "rug", LATE_HOME),
    ordered(70, "O5", line("rug", 20)),
    event(71, name="Order Refunded", properties={"order_id": "O5", "revenue": 5, "currency": "EUR"}),
)


def record(shard: int, one: Event) -> None:
    after = offsets([shard])
    before = after.get(shard, 0)
    Recorder().record({shard: [(before + 1, entry(one))]}, after={shard: before})


def numbers() -> tuple[list[Any], list[Any], list[Any]]:
    products = list(ProductImpressions.objects.order_by("product_id", "day", "placement", "personalized").values_list(
        "product_id", "day", "placement", "personalized", "n"
    ))  # fmt: skip
    shown = list(Impressions.objects.order_by("placement", "day", "personalized", "position").values_list(
        "placement", "day", "personalized", "position", "n"
    ))  # fmt: skip
    outcomes = list(Outcome.objects.order_by("recommendation_id", "product_id", "kind", "order_key").values_list(
        "recommendation_id", "product_id", "kind", "at", "position", "quantity", "revenue", "placement", "personalized"
    ))  # fmt: skip
    return shown, products, outcomes


def sums(kind: str) -> dict[tuple[str, str], Decimal]:
    rows = Outcome.objects.filter(kind=kind).values_list("placement", "product_id", "revenue")
    totals: dict[tuple[str, str], Decimal] = {}
    for placement, product, revenue in rows:
        totals[placement, product] = totals.get((placement, product), Decimal(0)) + revenue
    return totals


def test_what_was_shown_clicked_and_bought_is_counted_once() -> None:
    for one in STORY:
        record(0, one)
        performance.count_new()

    shown = {(row.placement, row.position): row.n for row in Impressions.objects.all()}
    assert shown == {("home", 0): 2, ("home", 1): 2, ("home", 2): 1, ("home", 3): 1, ("cart", 0): 1, ("cart", 1): 1}
    assert sums("click") == {("home", "lamp"): 0, ("home", "rug"): 0, ("cart", "lamp"): 0}
    assert sums("cart") == {("home", "lamp"): 0}
    # The phone clicked the lamp last, the rug of O1 was clicked after it, O3 was cancelled, O4 came too late.
    assert sums("order") == {("cart", "lamp"): 60, ("home", "rug"): 20}
    assert Outcome.objects.get(kind="click", product_id="lamp", placement="home").position == 2
    assert not Outcome.objects.filter(recommendation_id="autumn-sale").exists()
    assert not Outcome.objects.get(placement="cart", kind="order").personalized


@pytest.mark.parametrize("seed", range(12))
def test_counts_do_not_depend_on_arrival_and_are_found_again(seed: int) -> None:
    chance = random.Random(seed)
    story = list(STORY)
    chance.shuffle(story)
    for one in story:
        record(chance.choice([0, 1, 2]), one)
        if chance.random() < 0.4:
            performance.count_new()
    performance.count_new()

    at_once = numbers()
    performance.recount()

    assert numbers() == at_once
    assert sums("order") == {("cart", "lamp"): 60, ("home", "rug"): 20}


def test_a_day_is_a_day_of_the_shop(settings: Any) -> None:
    settings.SHOP_TIME_ZONE = "Pacific/Auckland"
    record(0, served(0, HOME, "home", "sofa"))  # 2026-09-21 14:13 UTC
    performance.count_new()

    assert set(Impressions.objects.values_list("day", flat=True)) == {date(2026, 9, 22)}


def test_amounts_that_no_column_holds_stop_no_count() -> None:
    record(0, served(1, HOME, "home", "sofa"))
    record(0, ordered(2, "O1", line("sofa", 9e11, 10**9, list_id=HOME)))
    performance.count_new()

    assert Outcome.objects.get().revenue == Decimal(performance.MOST)


def test_what_finds_no_answer_is_forgotten() -> None:
    record(0, touched(1, "Product Clicked", "sofa", HOME))  # months ago
    performance.count_new()

    performance.forget_old_answers()

    assert not Outcome.objects.exists()

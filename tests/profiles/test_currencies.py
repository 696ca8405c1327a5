"""What is told in another currency than the shop's is counted nowhere as the shop's: no rate is known."""

from typing import Any

import pytest

from catalog.frames import items_frame
from catalog.selectors import catalog_rows
from catalog.services import put_product
from common import clock
from customers.selectors import identity_of
from events.log import get_log
from events.types.base import Event
from events.types.registry import interactions
from profiles import services as profiles
from profiles.customer_profile import traits_of
from tests.events.builders import entry, event


def order(number: int, **properties: Any) -> Event:
    lines = {"products": [{"product_id": "A", "price": 100, "quantity": 2}]}
    return event(number, name="Order Completed", properties={"order_id": f"O{number}", **lines, **properties})


@pytest.mark.parametrize(("currency", "price"), [(None, 100.0), ("EUR", 100.0), ("eur", 100.0), ("SEK", None)])
def test_a_price_counts_where_it_is_in_the_shop_s_currency(currency: str | None, price: float | None) -> None:
    (line,) = interactions(order(1, currency=currency), currency="EUR")

    assert (line.price, line.quantity, line.product_id) == (price, 2.0, "A")


@pytest.mark.django_db
def test_a_customer_s_worth_is_of_the_shop_s_currency_alone_and_says_so() -> None:
    prices = {"A": ("10.00", "EUR"), "B": ("900.00", "SEK")}
    for name, (price, currency) in prices.items():
        put_product(name, data={"title": name, "price": price, "currency": currency}, actor="key:test")
    log = get_log()
    looked = event(3, properties={"product_id": "B"})
    log.append([entry(one) for one in (order(1), order(2, currency="SEK"), looked)])
    profiles.apply(log.read_many(dict.fromkeys(range(log.shards), 0)))

    traits = traits_of(identity_of("user:ada", now=clock.now()), now=clock.now())

    worth = {name: value for name, value in traits["rfm"].items() if name != "recency_days"}
    assert worth == {
        "frequency": 2,
        "monetary": 200.0,
        "average_order_value": 200.0,
        "orders_of_unknown_worth": 1,
    }
    assert traits["price_band"] == {"low": 10.0, "middle": 10.0, "high": 10.0}


@pytest.mark.django_db
def test_models_learn_no_price_of_another_currency() -> None:
    put_product("A", data={"title": "A", "price": "10.00"}, actor="key:test")
    put_product("B", data={"title": "B", "price": "900.00", "currency": "SEK"}, actor="key:test")

    frame = items_frame(catalog_rows())

    assert dict(zip(frame["item_id"], frame["price"].fillna(-1.0), strict=True)) == {"A": 10.0, "B": -1.0}

"""What was cancelled or given back is no worth of the customer's; that it was wanted stays."""

from decimal import Decimal
from typing import Any

import pytest

from common import clock
from customers.selectors import identity_of
from events.log import get_log
from events.selectors import refunds_of, training_frame
from events.services.recorder import Recorder, offsets
from events.types.base import Event
from profiles import services as profiles
from profiles.customer_profile import traits_of
from tests.events.builders import entry, event

pytestmark = pytest.mark.django_db


def order(number: int, status: str = "Completed", *, at: int = 0, **properties: Any) -> Event:
    lines = {"products": [{"product_id": "A", "price": 50, "quantity": 2}]} if status == "Completed" else {}
    all_properties = {"order_id": f"O{number}", **lines, **properties}
    return event(10 * at + number, name=f"Order {status}", properties=all_properties)


def happened(*events: Event) -> None:
    log = get_log()
    after = offsets(range(log.shards))
    log.append([entry(one) for one in events])
    batch = log.read_many(after)
    Recorder().record(batch, after=after)
    profiles.apply(batch)


def test_money_given_back_is_no_worth_but_what_was_wanted_stays() -> None:
    happened(
        *(order(number) for number in range(1, 6)),
        order(2, "Cancelled", at=1),
        order(3, "Refunded", at=1),
        order(4, "Refunded", at=1, revenue=30),
        order(5, "Refunded", at=1, revenue=60),
        order(5, "Refunded", at=2, revenue=40),
    )

    traits = traits_of(identity_of("user:ada", now=clock.now()), now=clock.now())

    worth = {name: value for name, value in traits["rfm"].items() if name != "recency_days"}
    assert worth == {
        "frequency": 2,
        "monetary": 170.0,
        "average_order_value": 85.0,
        "orders_of_unknown_worth": 0,
    }
    assert traits["action_counts"] == {"purchase": 5}


def test_who_sent_everything_back_bought_nothing() -> None:
    happened(order(1), order(1, "Cancelled", at=1))

    assert "rfm" not in traits_of(identity_of("user:ada", now=clock.now()), now=clock.now())


def test_an_order_that_is_completed_after_all_stands() -> None:
    happened(order(1), order(1, "Cancelled", at=1), order(1, "Completed", at=2))

    assert refunds_of(["O1", "O9"]) == {}


def test_a_part_that_was_given_back_is_told() -> None:
    happened(order(1), order(1, "Refunded", at=1, revenue=12.5))

    assert refunds_of(["O1"]) == {"O1": Decimal("12.5")}


def test_lines_sent_back_without_a_price_are_told_at_the_price_that_was_paid() -> None:
    back: dict[str, Any] = {"products": [{"product_id": "A"}]}
    happened(order(2, "Refunded", **back), order(1), order(2, at=1), order(1, "Refunded", at=2, **back))

    traits = traits_of(identity_of("user:ada", now=clock.now()), now=clock.now())

    assert refunds_of(["O1", "O2"]) == {"O1": Decimal(50), "O2": Decimal(50)}
    assert (traits["rfm"]["frequency"], traits["rfm"]["monetary"]) == (2, 100.0)

    happened(order(1, "Refunded", at=3, **back))
    assert refunds_of(["O1"]) == {"O1": None}


def test_trainings_read_the_same_history() -> None:
    """What somebody wanted is what models learn: both count a bought product whatever became of the order."""
    yes = {"allowed": ("personalization", "train_models")}
    one = event(1, name="Order Completed", properties={"order_id": "O1", "products": [{"product_id": "A"}]}, **yes)
    happened(one, order(1, "Cancelled", at=1))

    assert training_frame()["item_id"].tolist() == ["A"]
    assert traits_of(identity_of("user:ada", now=clock.now()), now=clock.now())["action_counts"] == {"purchase": 1}

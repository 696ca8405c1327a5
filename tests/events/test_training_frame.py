"""The training frame: who may train models, resolved to persons."""

from typing import Any

import pytest
from django.test import override_settings

from common import redis
from consents import cache
from consents.selectors import forget_terms
from consents.state import Decision
from events.log import get_log
from events.selectors import training_frame
from events.services.recorder import Recorder, offsets
from events.types.base import Event
from tests.events.builders import START, entry, event

pytestmark = pytest.mark.django_db(transaction=True)


def recorded(*events: Event) -> None:
    log = get_log()
    log.append([entry(one) for one in events])
    shards = range(log.shards)
    after = offsets(shards)
    Recorder().record(log.read_many(after, count=10_000), after=after)


def rows(**options: Any) -> list[tuple[str, str, str]]:
    frame = training_frame(**options)
    return list(zip(frame["user_id"], frame["item_id"], frame["event"], strict=True))


def test_each_product_of_an_event_is_a_row_in_the_order_of_time() -> None:
    lines = [{"product_id": "A", "price": "2.50", "quantity": 3}, {"product_id": "B"}]
    recorded(
        event(5, name="Order Completed", properties={"order_id": "O1", "products": lines}),
        event(1),
        event(2, name="Page Engaged", properties={}),
        event(3, kind="identify", name=""),
    )

    frame = training_frame()

    assert rows() == [("user:ada", "P1", "view"), ("user:ada", "A", "purchase"), ("user:ada", "B", "purchase")]
    assert list(frame["timestamp"]) == [START / 1e6 + 1, START / 1e6 + 5, START / 1e6 + 5]
    assert list(frame["quantity"]) == [1.0, 3.0, 1.0]
    assert frame["price"][1] == 2.5
    assert frame["price"].isna().tolist() == [True, False, True]
    assert frame["order_id"].tolist() == [None, "O1", "O1"]
    assert list(frame.columns) == [
        "user_id",
        "item_id",
        "timestamp",
        "event",
        "value",
        "quantity",
        "price",
        "order_id",
        "device",
    ]


def test_a_price_in_another_currency_is_read_as_live_profiles_read_it() -> None:
    lines = [{"product_id": "A", "price": "900", "quantity": 1}]
    for number, currency in enumerate(("SEK", "EUR"), start=1):
        properties = {"order_id": f"O{number}", "currency": currency, "products": lines}
        recorded(event(number, name="Order Completed", properties=properties))

    frame = training_frame()

    assert frame["price"].fillna(-1.0).tolist() == [-1.0, 900.0]


def test_a_list_that_was_shown_is_no_interaction() -> None:
    shown = {"recommendation_id": "R1", "products": [{"product_id": "P8", "position": 1}]}
    recorded(
        event(1),
        event(2, name="Recommendation Served", properties=shown),
        event(3, name="Product List Viewed", properties={"products": shown["products"]}),
    )

    assert rows() == [("user:ada", "P1", "view")]


def test_the_type_of_a_device_stands_beside_its_rows() -> None:
    recorded(event(1, context={"device": {"type": "bot"}}), event(2), event(3, context={"device": {"type": "mobile"}}))

    assert training_frame()["device"].tolist() == ["bot", None, "mobile"]


def test_only_events_of_those_who_allow_training_count() -> None:
    recorded(event(1, allowed=("analytics", "personalization")), event(2, user_id="bo"))

    assert rows() == [("user:bo", "P2", "view")]


def test_a_later_refusal_takes_the_whole_person_out() -> None:
    recorded(
        event(1, user_id=None, anonymous_id="phone"),
        event(2, kind="identify", name="", anonymous_id="phone"),
        event(3),
        event(4, user_id="bo"),
        event(9, name="Consent Updated", consents={"train_models": False}, properties={}),
    )

    assert rows() == [("user:bo", "P4", "view")]


def test_what_was_withdrawn_once_is_not_learnt_from_after_a_new_yes() -> None:
    recorded(
        event(1),
        event(5, name="Consent Updated", consents={"train_models": False}, properties={}),
        event(7, name="Consent Updated", consents={"train_models": True}, properties={}),
        event(8),
    )

    assert rows() == [("user:ada", "P8", "view")]


def test_a_privacy_signal_of_the_browser_takes_the_shopper_out() -> None:
    recorded(
        event(1),
        event(2, name="Consent Updated", consents={"train_models": True}, properties={}),
        event(3, user_id="bo"),
        event(9, name="Consent Updated", consents={"gpc": True}, properties={}),
    )

    assert rows() == [("user:bo", "P3", "view")]


@override_settings(CONSENT_RULES={"*": "opt_in", "US": "opt_out"})
def test_a_privacy_signal_takes_nobody_out_in_a_region_where_it_covers_sales_alone() -> None:
    forget_terms()
    signal = {"name": "Consent Updated", "consents": {"gpc": True}, "properties": {}}

    recorded(
        event(1), event(9, context={"region": "US"}, **signal), event(2, user_id="bo"), event(9, user_id="bo", **signal)
    )

    assert rows() == [("user:ada", "P1", "view")]
    forget_terms()


def test_a_refusal_on_the_device_holds_for_the_account_that_was_seen_on_it() -> None:
    pipe = redis.client().pipeline()
    cache.link(pipe, "user:ada", "anonymous:phone", START)
    pipe.execute()
    refused = {"consents": {"train_models": False}, "properties": {}}
    recorded(event(1), event(9, name="Consent Updated", user_id=None, anonymous_id="phone", **refused))

    assert rows() == []


@pytest.mark.parametrize(("who", "kept"), [("user:ada", True), ("anonymous:tablet", False)])
def test_a_later_yes_of_the_account_ends_the_refusal_of_a_device_and_one_on_another_device_does_not(
    who: str, kept: bool
) -> None:
    pipe = redis.client().pipeline()
    for device in ("anonymous:phone", "anonymous:tablet"):
        cache.link(pipe, "user:ada", device, START)
    cache.apply_all(pipe, who, {"train_models": Decision(True, START + 9_000_000, "yes")})
    pipe.execute()
    refused = {"consents": {"train_models": False}, "properties": {}}

    recorded(event(5, name="Consent Updated", user_id=None, anonymous_id="phone", **refused), event(7))

    assert rows() == ([("user:ada", "P7", "view")] if kept else [])


@override_settings(CONSENT_RULES={"*": "opt_out"})
def test_who_refused_stays_out_while_the_cache_is_lost() -> None:
    forget_terms()
    recorded(event(1), event(9, name="Consent Updated", consents={"train_models": False}, properties={}))

    redis.client().flushdb()

    assert rows() == []
    forget_terms()


def test_events_go_to_the_person_who_had_the_device() -> None:
    recorded(
        event(1, user_id=None, anonymous_id="phone"),
        event(2, kind="identify", name="", user_id="ada", anonymous_id="phone"),
        event(5, kind="identify", name="", user_id="bo", anonymous_id="phone"),
        event(6, user_id=None, anonymous_id="phone"),
        event(7, kind="alias", name="", user_id="zoe", previous_id="bo"),
    )

    assert rows() == [("user:ada", "P1", "view"), ("user:bo", "P6", "view")]


def test_an_empty_shop_has_an_empty_frame() -> None:
    frame = training_frame()

    assert len(frame) == 0
    assert frame["timestamp"].dtype == float


def test_a_device_that_refused_is_left_out_whoever_uses_it_later() -> None:
    said: dict[str, Any] = {"name": "Consent Updated", "consents": {"train_models": False}, "properties": {}}
    recorded(
        event(1, kind="identify", name="", anonymous_id="phone"),
        event(2, user_id=None, anonymous_id="phone", **said),
        event(3, kind="identify", name="", user_id="bo", anonymous_id="phone"),
        event(4, user_id=None, anonymous_id="phone"),
        event(5, user_id="bo"),
        event(6, user_id=None, anonymous_id="phone", **{**said, "consents": {"experiments": False}}),
    )

    assert rows() == [("user:bo", "P5", "view")]

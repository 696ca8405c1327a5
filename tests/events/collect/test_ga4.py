"""GA4's Measurement Protocol at the door."""

import json
from typing import TYPE_CHECKING, Any

import pytest
from rest_framework.test import APIClient

from common.pseudonyms import pseudonym
from events.intake.limits import MAX_ITEMS
from events.links import links_of

if TYPE_CHECKING:
    from tests.events.collect.conftest import LogReader

CONSENT = {"categoryPreferences": {"analytics": True, "personalization": True}}
SOFA = {"item_id": "P1", "price": 9.5, "quantity": 2}


def send(key: str, body: Any, query: str = "") -> Any:
    url = f"/mp/collect?measurement_id=G-1&api_secret={key}{query}"
    return APIClient().post(url, json.dumps(body), content_type="text/plain")


def body(*events: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"client_id": "bo.1", "consent": CONSENT, "events": list(events), **fields}


def test_a_purchase_becomes_an_order_of_the_client(browser_key: str, log: "LogReader") -> None:
    params = {"transaction_id": "o1", "value": 19, "currency": "EUR", "items": [SOFA]}

    answer = send(browser_key, body({"name": "purchase", "params": params}))

    assert answer.status_code == 204
    assert answer.content == b""
    event = log.event()
    assert (event.name, event.anonymous_id, event.user_id) == ("Order Completed", pseudonym("bo.1"), None)
    assert event.properties["revenue"] == 19
    assert event.properties["products"] == [{"product_id": "P1", "price": 9.5, "quantity": 2}]
    assert event.allowed == ("analytics", "personalization")


@pytest.mark.parametrize(("theirs", "ours"), [("purchase", "Order Completed"), ("refund", "Order Refunded")])
@pytest.mark.usefixtures("every_field_allowed")
def test_an_order_keeps_its_money_where_items_have_a_name_only(
    browser_key: str, log: "LogReader", theirs: str, ours: str
) -> None:
    lamp = {"item_name": "Lamp", "price": 4, "quantity": 1}

    send(browser_key, body({"name": theirs, "params": {"transaction_id": "o1", "value": 23, "items": [SOFA, lamp]}}))

    event = log.event()
    assert (event.name, event.properties["revenue"]) == (ours, 23)
    assert event.properties["products"] == [{"product_id": "P1", "price": 9.5, "quantity": 2}]
    assert event.properties["items"] == [lamp]


@pytest.mark.parametrize(
    ("name", "params"),
    [
        ("purchase", {"transaction_id": "o1", "items": [{"item_name": "Lamp", "price": 4}]}),
        ("purchase", {"transaction_id": "o1", "value": 4, "items": [{"price": 4}]}),
        ("refund", {"transaction_id": "o1", "items": [{"item_name": "Lamp"}]}),
        ("view_item", {"value": 4, "items": [{"item_name": "Lamp"}]}),
        ("view_cart", {"value": 4, "items": [{"item_name": "Lamp"}]}),
    ],
)
def test_what_names_neither_product_nor_money_is_refused_with_the_reason(
    browser_key: str, log: "LogReader", name: str, params: dict[str, Any]
) -> None:
    answer = send(browser_key, body({"name": name, "params": params}))

    (error,) = answer.json()["errors"]
    assert (answer.status_code, error["message"]) == (400, "must be a non-empty string")
    assert error["field"].endswith("product_id")
    assert log.events() == []


def test_the_time_is_the_sender_s_and_the_same_event_has_the_same_id(browser_key: str, log: "LogReader") -> None:
    event = {"name": "view_item", "params": {"items": [SOFA]}}

    for _ in range(2):
        send(browser_key, body(event, event, timestamp_micros=1_764_000_000_000_000))
    send(browser_key, body(event))
    send(browser_key, body(event))

    timed = [event for event in log.events() if event.at == 1_764_000_000_000_000]
    assert len(timed) == 4
    assert len({event.message_id for event in timed}) == 2
    assert len({event.message_id for event in log.events()}) == 4


@pytest.mark.parametrize("name", ["client_id", "app_instance_id", "user_id"])
def test_two_shoppers_who_do_the_same_at_the_same_time_are_two_events(
    browser_key: str, log: "LogReader", name: str
) -> None:
    for one in ("one", "two"):
        sent = {"timestamp_micros": 1_764_000_000_000_000, "consent": CONSENT, "events": [{"name": "search"}]}
        send(browser_key, {**sent, name: one})

    assert len({event.message_id for event in log.events()}) == 2


def test_user_properties_of_a_known_user_are_an_identify(server_key: str, log: "LogReader") -> None:
    send(
        server_key,
        body(
            {"name": "search", "params": {"search_term": "oak"}},
            user_id="ada",
            user_properties={"loyalty": {"value": "gold"}},
        ),
    )

    events = {event.kind: event for event in log.events()}
    assert events["identify"].traits == {"loyalty": "gold"}
    assert (events["track"].name, events["track"].user_id) == ("Products Searched", pseudonym("ada"))
    assert events["track"].properties == {"query": "oak"}


@pytest.mark.parametrize("name", ["client_id", "app_instance_id"])
def test_a_body_with_both_ids_joins_the_visitor_to_the_customer(server_key: str, log: "LogReader", name: str) -> None:
    event = {"name": "search", "timestamp_micros": 1_764_000_000_000_000}

    for _ in range(2):
        send(server_key, {name: "bo.1", "user_id": "ada", "consent": CONSENT, "events": [event]})

    events = [event for event in log.events() if event.kind == "identify"]
    ada, bo = pseudonym("ada"), pseudonym("bo.1")
    assert {(one.user_id, one.anonymous_id, one.at) for one in events} == {(ada, bo, 1_764_000_000_000_000)}
    assert len({one.message_id for one in events}) == 1
    assert [(link.kind, link.from_id, link.user_id) for link in links_of(events[0])] == [("claim", bo, ada)]


def test_a_denied_advertising_consent_refuses_to_share(browser_key: str, log: "LogReader") -> None:
    consent = {**CONSENT, "ad_user_data": "GRANTED", "ad_personalization": "DENIED"}

    send(browser_key, body({"name": "search"}, consent=consent))

    assert log.event().consents["ads_share"] is False


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (body(), 400),
        ({"events": [{"name": "search"}]}, 400),
        (body({"params": {}}), 400),
        (body({"name": "view_item", "params": {"items": [{}]}}), 400),
        ([], 400),
    ],
)
def test_what_holds_no_sound_event_is_a_problem(browser_key: str, log: "LogReader", sent: Any, status: int) -> None:
    answer = send(browser_key, sent)

    assert answer.status_code == status
    assert answer["Content-Type"] == "application/problem+json"
    assert len(log) == 0


@pytest.mark.parametrize(
    "consent", ["no", False, {"categoryPreferences": False}, {"categoryPreferences": {"crm_sync": 0}}]
)
def test_a_consent_that_is_neither_yes_nor_no_is_refused(browser_key: str, log: "LogReader", consent: Any) -> None:
    answer = send(browser_key, body({"name": "search"}, consent=consent))

    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"].startswith("events.0.context.consent")
    assert len(log) == 0


def test_a_bad_event_beside_a_good_one_is_set_aside(browser_key: str, log: "LogReader") -> None:
    answer = send(browser_key, body({"name": "search"}, {"name": "view_item", "params": {"items": [{"price": 1}]}}))

    assert answer.status_code == 204
    assert [one["field"] for one in log.set_aside()] == ["properties.product_id"]


def test_one_event_about_very_many_products_is_refused(browser_key: str, log: "LogReader") -> None:
    answer = send(browser_key, body({"name": "view_item", "params": {"items": [SOFA] * (MAX_ITEMS + 1)}}))

    assert answer.status_code == 413
    assert len(log) == 0


@pytest.mark.parametrize("params", [{"about": "x" * 33_000}, {"about": json.loads("[" * 300 + "]" * 300)}])
def test_parameters_that_no_item_may_hold_are_set_aside_once(
    browser_key: str, log: "LogReader", params: dict[str, Any]
) -> None:
    answer = send(
        browser_key, body({"name": "search"}, {"name": "view_item", "params": {**params, "items": [SOFA] * 9}})
    )

    assert answer.status_code == 204
    assert len(log.set_aside()) == 1
    assert log.event().name == "Products Searched"


@pytest.mark.usefixtures("every_field_allowed")
def test_a_category_that_is_no_text_breaks_nothing(browser_key: str, log: "LogReader") -> None:
    odd = {**SOFA, "item_category": "deep", "item_category2": "Sofas"}
    sent = json.dumps(body({"name": "search"}, {"name": "view_item", "params": {"items": [odd]}}))
    raw = sent.replace('"deep"', "[" * 1000 + "]" * 1000)

    answer = APIClient().post(f"/mp/collect?api_secret={browser_key}", raw, content_type="text/plain")

    assert answer.status_code == 204
    assert {event.name: event.properties for event in log.events()}["Product Viewed"]["category"] == "Sofas"


@pytest.mark.parametrize("name", ["client_id", "user_id", "timestamp_micros"])
def test_a_field_that_is_nested_very_deep_is_a_problem(browser_key: str, log: "LogReader", name: str) -> None:
    sent = body({"name": "search"}, **{"timestamp_micros": 1, name: json.loads("[" * 300 + "]" * 300)})

    assert send(browser_key, sent).status_code == 400
    assert len(log) == 0


def test_an_unknown_secret_is_401(db: None, log: "LogReader") -> None:
    assert send("pk_nobody", body({"name": "search"})).status_code == 401
    assert len(log) == 0


@pytest.mark.parametrize(
    ("event", "kind", "name", "properties"),
    [
        (
            {
                "name": "page_view",
                "params": {
                    "page_location": "https://shop.example/oak?mail=x",
                    "page_referrer": "https://search.example/?q=x",
                    "page_title": "Oak",
                    "engagement_time_msec": 5,
                },
            },
            "page",
            "Oak",
            {
                "path": "/oak",
                "url": "https://shop.example/oak",
                "referrer": "https://search.example/",
                "title": "Oak",
                "engagement_time_msec": 5,
            },
        ),
        ({"name": "screen_view", "params": {"screen_name": "Start"}}, "screen", "Start", {"name": "Start"}),
        ({"name": "page_view"}, "page", "", {}),
    ],
)
@pytest.mark.usefixtures("every_field_allowed")
def test_a_page_view_is_a_page(
    browser_key: str, log: "LogReader", event: dict[str, Any], kind: str, name: str, properties: dict[str, Any]
) -> None:
    assert send(browser_key, body(event)).status_code == 204

    assert (log.event().kind, log.event().name, log.event().properties) == (kind, name, properties)


@pytest.mark.parametrize(
    ("fields", "query", "consents"),
    [
        ({"consent": {"ad_user_data": "GRANTED", "ad_personalization": "GRANTED"}}, "", {"ads_share": True}),
        ({"consent": {"ad_user_data": "GRANTED", "ad_personalization": "DENIED"}}, "", {"ads_share": False}),
        ({"non_personalized_ads": True}, "", {"ads_share": False}),
        ({"non_personalized_ads": True, "consent": {"ad_user_data": "GRANTED"}}, "", {"ads_share": False}),
        ({"non_personalized_ads": False}, "", {}),
        ({}, "&npa=1", {"ads_share": False}),
        ({}, "&gcs=G111", {"ads_share": True, "analytics": True}),
        ({}, "&gcs=G101", {"ads_share": False, "analytics": True}),
        ({}, "&gcs=G100", {"ads_share": False, "analytics": False}),
        ({}, "&gcs=G1--", {}),
        ({}, "&gcs=nonsense&gcd=nonsense", {}),
        ({"gcs": "G110"}, "", {"ads_share": True, "analytics": False}),
        # Answers of the shopper, then defaults of the page, which are none.
        ({}, "&gcs=G111&gcd=13r3r3r3r5", {"ads_share": True, "analytics": True}),
        ({}, "&gcs=G100&gcd=13q3q3q3q5", {"ads_share": False, "analytics": False}),
        ({}, "&gcs=G101&gcd=13q3v3n3m5", {"ads_share": False, "analytics": True}),
        ({}, "&gcs=G100&gcd=13p3p3p3p5", {}),
        ({}, "&gcs=G111&gcd=13t3t3t3t5", {}),
        ({}, "&gcd=13l3l3l3l1l1", {}),
    ],
)
def test_google_s_consent_fields_are_read(
    browser_key: str, log: "LogReader", fields: dict[str, Any], query: str, consents: dict[str, bool]
) -> None:
    order = {"name": "purchase", "params": {"transaction_id": "o1", "value": 1, "items": [SOFA]}}

    send(browser_key, {"client_id": "bo.1", "events": [order], **fields}, query)

    assert log.event().consents == consents

"""What a shopper allows decides what is kept of an event."""

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from django.test import override_settings
from rest_framework.test import APIClient

from common.pseudonyms import pseudonym, subject_pseudonym
from consents.models import Purpose
from consents.selectors import forget_terms, person, rule_of, terms
from events.links import links_of
from events.log import get_log
from events.models import AllowedField
from events.services.waiting import count_overdue

if TYPE_CHECKING:
    from tests.events.collect.conftest import LogReader

Maker = Callable[..., dict[str, Any]]


def preferring(**categories: Any) -> dict[str, Any]:
    return {"consent": {"categoryPreferences": categories}}


def send(client: APIClient, *items: dict[str, Any], **headers: Any) -> None:
    answer = client.post("/v1/batch", json.dumps({"batch": items}), content_type="application/json", **headers)
    assert answer.status_code == 200, answer.content


def may(subject: str, purpose: str = "personalization") -> bool:
    return person(subject_pseudonym(subject)).verdict(terms()[purpose], rule=rule_of(None)).allowed


def test_what_is_allowed_is_written_on_the_event(server: APIClient, log: "LogReader", viewed: Maker) -> None:
    send(server, viewed(context=preferring(analytics=True, train_models=True, essential=False, sports=True)))

    assert log.event().allowed == ("analytics", "train_models")
    assert log.event().consents == {"analytics": True, "train_models": True}
    assert log.event().context == {}


def test_what_is_counted_alone_is_spread_over_the_shards(server: APIClient, viewed: Maker) -> None:
    send(server, *(viewed(messageId=f"m{at}", userId=f"u{at}", context={}) for at in range(40)))
    count_overdue(seconds_ahead=60)

    shards = [[entry for _, entry in get_log().read(shard)] for shard in range(get_log().shards)]

    assert {entry.kind for shard in shards for entry in shard} == {"counted"}
    assert all(shards)


@pytest.mark.parametrize(
    ("basis", "objects", "allowed"),
    [
        ("legitimate_interest", False, ("analytics",)),
        ("legitimate_interest", True, ()),
        ("legal_obligation", True, ("analytics",)),
    ],
)
def test_what_rests_on_another_basis_than_consent_is_kept_as_that_basis_says(
    server: APIClient, log: "LogReader", viewed: Maker, basis: str, objects: bool, allowed: tuple[str, ...]
) -> None:
    Purpose.objects.create(name="analytics", version=2, title="x", description="x", legal_basis=basis)
    forget_terms()

    send(server, viewed(context=preferring(analytics=False) if objects else {}))

    assert [event.allowed for event in log.events() if event.name == "Product Viewed"] == ([allowed] if allowed else [])
    assert len(log.counted()) == (not allowed)
    forget_terms()


@pytest.mark.parametrize(
    ("consent", "field"),
    [
        ("yes", "context.consent"),
        ({"categoryPreferences": "no"}, "context.consent.categoryPreferences"),
        ({"categoryPreferences": {"analytics": "false"}}, "context.consent.categoryPreferences.analytics"),
        ({"categoryPreferences": {"personalization": 0}}, "context.consent.categoryPreferences.personalization"),
    ],
)
def test_a_decision_that_is_neither_yes_nor_no_is_refused(
    server: APIClient, viewed: Maker, consent: Any, field: str
) -> None:
    """It may have been a no: to go on with the yes of before would be the one thing that must not happen."""
    send(server, viewed(userId="ada", context=preferring(personalization=True)))

    body = json.dumps({"batch": [viewed(userId="ada", messageId="m2", context={"consent": consent})]})
    answer = server.post("/v1/batch", body, content_type="application/json")

    assert answer.status_code == 400
    assert field in str(answer.json()["errors"])


@pytest.mark.parametrize(
    ("categories", "kept"),
    [
        ({}, False),
        ({"analytics": True}, True),
        ({"personalization": True}, True),
        ({"analytics": False, "personalization": True}, True),
        ({"analytics": False}, False),
        ({"analytics": False, "personalization": False}, False),
        ({"train_models": True}, False),
        ({"analytics": None, "personalization": True}, True),
    ],
)
def test_an_event_is_kept_for_analytics_or_personalization(
    server: APIClient, log: "LogReader", viewed: Maker, categories: dict[str, Any], kept: bool
) -> None:
    send(server, viewed(userId="ada", context=preferring(**categories)))

    assert [event.name for event in log.events() if event.name == "Product Viewed"] == ["Product Viewed"] * kept
    assert len(log.counted()) == (not kept)


def test_what_is_not_kept_is_counted_once_without_ids(server: APIClient, log: "LogReader", viewed: Maker) -> None:
    send(server, viewed(context={"ip": "203.0.113.9"}), viewed("m2", event="Saw ada@shop.example", context={}))

    assert log.events() == []
    assert [
        (one["name"], one["reason"], sorted(one)) for one in sorted(log.counted(), key=lambda one: one["name"])
    ] == [
        ("Product Viewed", "not_asked", ["day", "name", "reason"]),
        ("custom", "not_asked", ["day", "name", "reason"]),
    ]


def test_a_refusal_is_proven_once_and_leaves_no_trail(server: APIClient, log: "LogReader", viewed: Maker) -> None:
    refusal = preferring(analytics=False, personalization=False)

    send(server, *(viewed(f"m{number}", context=refusal) for number in range(5)))

    (proof,) = log.events()
    assert (proof.name, proof.anonymous_id, proof.properties) == ("Consent Updated", pseudonym("bo"), {})
    assert proof.consents == {"analytics": False, "personalization": False}
    assert len(log.counted()) == 5


def test_an_order_is_kept_whatever_is_refused(server: APIClient, log: "LogReader", viewed: Maker) -> None:
    order = {"order_id": "o1", "total": 5, "products": [{"product_id": "P1", "price": 5}]}
    refusal = preferring(analytics=False, personalization=False)

    send(server, viewed(event="Order Completed", properties=order, context=refusal))

    assert log.event().name == "Order Completed"
    assert log.event().allowed == ()


def test_an_item_that_decides_counts_for_its_whole_batch(server: APIClient, log: "LogReader", viewed: Maker) -> None:
    send(
        server,
        viewed("m1", context={}),
        viewed("m2", context=preferring(analytics=True)),
        viewed("m3", context={}),
        viewed("m4", anonymousId="eve", context={}),
    )

    assert {event.message_id for event in log.events()} == {"m1", "m2", "m3"}


def test_a_decision_holds_for_the_next_request_and_for_both_ids(
    server: APIClient, log: "LogReader", viewed: Maker
) -> None:
    send(server, viewed("m1", userId="ada"))
    send(server, viewed("m2", context={}))
    send(server, viewed("m3", anonymousId=None, userId="ada", context={}))

    assert {event.message_id for event in log.events()} == {"m1", "m2", "m3"}
    assert may("user:ada")
    assert may("anonymous:bo")


@pytest.mark.parametrize("late", ["yes", "no"])
def test_the_latest_decision_by_event_time_wins(server: APIClient, viewed: Maker, late: str) -> None:
    yes = viewed("yes", context=preferring(personalization=True), timestamp="2026-01-02T00:00:00Z")
    no = viewed("no", context=preferring(personalization=False), timestamp="2026-01-01T00:00:00Z")

    for item in (yes, no) if late == "no" else (no, yes):
        send(server, item)

    assert may("anonymous:bo")


def test_a_refusal_on_either_id_survives_the_login(server: APIClient, log: "LogReader", viewed: Maker) -> None:
    send(server, viewed("m1", context=preferring(personalization=False, analytics=False)))
    send(server, viewed("m2", anonymousId=None, userId="ada", context=preferring(personalization=True)))

    send(server, {"type": "identify", "messageId": "m3", "userId": "ada", "anonymousId": "bo"})

    assert not may("user:ada")
    assert not may("anonymous:bo")
    send(server, viewed("m4", userId="ada", context=preferring(personalization=True)))
    assert may("user:ada")


def test_the_privacy_signal_refuses_and_is_remembered_on_the_known_account(
    browser: APIClient, browser_key: str, log: "LogReader", viewed: Maker
) -> None:
    from access.identity import sign_user
    from access.selectors import resolve_key

    proof = sign_user(resolve_key(browser_key).identity_secret, user_id="ada")
    ada = viewed(userId="ada", context={**preferring(analytics=True), "traits": {"user_hash": proof}})

    send(browser, viewed("m0", anonymousId="eve"), HTTP_SEC_GPC="true")
    assert log.event().anonymous_id == pseudonym("eve")
    send(browser, ada, HTTP_SEC_GPC="1")

    assert [one["reason"] for one in log.counted()] == ["gpc"]
    assert person(subject_pseudonym("user:ada")).remembers("gpc")
    bo = subject_pseudonym("anonymous:bo")
    assert not person(bo).states[bo].on("gpc")
    assert not may("user:ada", "analytics")


def test_a_browser_that_proves_one_user_id_cannot_join_another_to_it(log: "LogReader", viewed: Maker, db: None) -> None:
    from access.identity import sign_user
    from access.selectors import resolve_key
    from access.services import create_key

    raw = create_key(kind="pk", name="pages", requires_user_hash=True)[1]
    client = APIClient()
    client.credentials(HTTP_X_API_KEY=raw)
    proof = sign_user(resolve_key(raw).identity_secret, user_id="eve")

    send(client, viewed(type="alias", userId="eve", previousId="ada", anonymousId=None, traits={"user_hash": proof}))

    links = [(link.kind, link.from_id, link.user_id) for link in links_of(log.event())]
    assert links == [("claim", pseudonym("ada"), pseudonym("eve"))]
    ada = subject_pseudonym("user:ada")
    assert set(person(ada).states) == {ada}


def test_the_region_comes_from_the_proxy_and_decides_the_rule(
    browser: APIClient, log: "LogReader", viewed: Maker
) -> None:
    with override_settings(CONSENT_REGION_HEADER="CF-IPCountry", CONSENT_RULES={"*": "opt_in", "US": "opt_out"}):
        forget_terms()
        send(browser, viewed("m1", context={}), HTTP_CF_IPCOUNTRY="US")
        send(browser, viewed("m2", anonymousId="cy", context={}), HTTP_CF_IPCOUNTRY="DE")
        send(browser, viewed("m3", anonymousId="eve", context={}))

    assert log.event().message_id == "m1"
    assert log.event().context["region"] == "US"
    forget_terms()


def test_a_page_call_keeps_no_query_of_an_address(browser: APIClient, log: "LogReader", viewed: Maker) -> None:
    properties = {
        "url": "https://shop.example/p1?mail=ada@x&token=t#y",
        "referrer": "https://search.example/?q=ada",
        "search": "?mail=ada@x&token=t",
        "path": "/p1",
        "name": "Home",
    }

    send(browser, viewed(type="page", name="Home", properties=properties, context=preferring(analytics=True)))

    assert log.event().properties == {
        "url": "https://shop.example/p1",
        "referrer": "https://search.example/",
        "path": "/p1",
        "name": "Home",
    }


@pytest.mark.usefixtures("every_field_allowed")
def test_what_a_shopper_searched_for_is_kept(browser: APIClient, log: "LogReader", viewed: Maker) -> None:
    properties = {"query": "sofa?", "search": "sofa", "page_location": "https://shop.example/s?q=sofa"}

    send(browser, viewed(event="Products Searched", properties=properties, context=preferring(analytics=True)))

    assert log.event().properties == {"query": "sofa?", "search": "sofa", "page_location": "https://shop.example/s"}


@pytest.mark.usefixtures("every_field_allowed")
def test_a_context_is_minimized(browser: APIClient, log: "LogReader", viewed: Maker) -> None:
    context = {
        **preferring(analytics=True),
        "ip": "203.0.113.9",
        "userAgent": "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X)",
        "page": {"url": "https://a:b@shop.example/p1?mail=ada@x#y", "path": "/p1", "search": "?mail=ada@x"},
        "locale": "de-DE",
        "location": {"country": "DE", "city": "Kiel", "latitude": 54.3},
        "device": {"id": "aaaa-bbbb"},
    }

    send(browser, viewed(context=context))

    assert log.event().context == {
        "page": {"url": "https://shop.example/p1", "path": "/p1"},
        "locale": "de-DE",
        "device": {"type": "mobile"},
        "region": "DE",
    }


@pytest.mark.usefixtures("every_field_allowed")
def test_what_the_shop_says_of_a_visit_is_kept(browser: APIClient, log: "LogReader", viewed: Maker) -> None:
    own = {
        "groupId": "b2b",
        "traits": {"plan": "gold", "address": {"city": "Kiel"}, "user_hash": "secret", "ip": "secret"},
        "store": {"id": 7, "url": "https://shop.example/kiel?mail=secret", "visits": [{"userAgent": "secret"}]},
        "warehouse": True,
        "region": "secret",
        "location": {"city": "secret"},
        "userAgentData": {"brand": "secret"},
        "device": {"id": "secret", "type": "mobile"},
    }

    send(browser, viewed(context={**preferring(analytics=True), **own}))

    assert log.event().context == {
        "groupId": "b2b",
        "traits": {"plan": "gold", "address": {"city": "Kiel"}},
        "store": {"id": 7, "url": "https://shop.example/kiel", "visits": [{}]},
        "warehouse": True,
        "device": {"type": "mobile"},
    }


def test_an_order_that_is_kept_without_consent_keeps_nothing_that_the_shop_says_of_the_visit(
    server: APIClient, log: "LogReader", viewed: Maker
) -> None:
    AllowedField.objects.create(path="context.*", purposes=["analytics"])
    order = {"order_id": "o1", "total": 5, "products": [{"product_id": "P1", "price": 5}]}
    context = {"traits": {"plan": "gold"}, "store": 7, "groupId": "b2b", "locale": "de-DE"}

    send(server, viewed("no", event="Order Completed", properties=order, context=context))
    send(server, viewed("yes", context={**preferring(analytics=True), **context}))

    kept = {event.message_id: event.context for event in log.events()}
    assert kept == {"no": {}, "yes": context}


@pytest.mark.usefixtures("every_field_allowed")
def test_traits_in_the_context_of_an_identify_are_its_own(server: APIClient, log: "LogReader", viewed: Maker) -> None:
    context = {**preferring(analytics=True), "traits": {"plan": "gold"}}

    send(server, viewed(type="identify", userId="ada", context=context))

    assert (log.event().traits, log.event().context) == ({"plan": "gold"}, {})


@pytest.mark.parametrize("kind", ["page", "screen"])
def test_the_category_of_a_page_or_screen_is_kept(
    server: APIClient, log: "LogReader", viewed: Maker, kind: str
) -> None:
    send(server, viewed("top", type=kind, category="Shoes", properties={}))
    send(server, viewed("both", type=kind, category="Shoes", properties={"category": "Boots"}))

    assert {one.message_id: one.properties["category"] for one in log.events()} == {"top": "Shoes", "both": "Boots"}

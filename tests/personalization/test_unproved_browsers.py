"""What a browser may do in the name of an account that it does not prove: nothing to the account, all to itself."""

from decimal import Decimal
from itertools import count
from typing import Any

import pytest
from django.urls import reverse
from hypothesis import given, settings
from hypothesis import strategies as st

from common import clock, redis
from common.pseudonyms import pseudonym, subject_pseudonym
from customers.models import CustomerLink
from events.activity import pulse
from events.log import get_log
from events.models import Event, Order
from profiles.replay import replay
from profiles.selectors import read_person
from tests.personalization.unproved import NO, YES, DoorShop, allowed, consent, event, known, order, trained
from tests.staff import staff

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("stocked_shop")]
ADA: dict[str, Any] = {"userId": "ada"}
EVE: dict[str, Any] = {"anonymousId": "eve-phone"}
USER, DEVICE = subject_pseudonym("user:ada"), subject_pseudonym("anonymous:eve-phone")
JOINED = subject_pseudonym("user:eve-phone")
PROOFS = (False, True)


@pytest.fixture
def shop() -> DoorShop:
    """A shop whose page has a key as it is made by default; Ada looked at a lamp and bought a rug on her phone."""
    shop = DoorShop()
    shop.server(
        event("identify", **ADA, anonymousId="ada-phone", traits={"city": "Kiel"}),
        event(**ADA, anonymousId="ada-phone", properties={"product_id": "lamp"}),
        order("O1", 40, **ADA),
    )
    return shop


def hers(shop: DoorShop, proved: bool) -> dict[str, Any]:
    """Return a context with Ada's hash, or without it."""
    return {"context": {**consent(YES), **({"user_hash": shop.hash_of("ada")} if proved else {})}}


def products(history: Any) -> list[str]:
    return [one.product_id for one in history]


# What is read --------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("live_model")
@pytest.mark.parametrize("placement", ["home", "recent"])
def test_an_unproved_user_id_gets_a_strangers_answer_that_tells_no_known_id_from_an_unknown(
    shop: DoorShop, placement: str
) -> None:
    stranger = shop.ask(placement)

    assert shop.ask(placement, user_id="ada") == shop.ask(placement, user_id="nobody") == stranger
    assert shop.ask(placement, user_id="ada", user_hash="0" * 64) == stranger
    assert stranger["personalized"] is False
    assert not [item for item in stranger["items"] if item["reason"]["product_ids"]]


@pytest.mark.usefixtures("live_model")
def test_a_proved_user_id_gets_the_accounts_history_and_reasons(shop: DoorShop) -> None:
    proof = shop.hash_of("ada")

    recent = shop.ask("recent", user_id="ada", user_hash=proof)
    home = shop.ask("home", user_id="ada", user_hash=proof)

    texts = {item["product_id"]: item["reason"]["text"] for item in recent["items"]}
    assert texts["lamp"] == "You looked at this lately"
    assert home["personalized"] is True
    assert home == shop.ask("home", key=shop.secret, user_id="ada")


def test_beside_an_unproved_user_id_the_answer_is_that_of_the_anonymous_id(shop: DoorShop) -> None:
    shop.browser(event(**EVE))

    own = shop.ask("recent", anonymous_id="eve-phone")

    assert own["personalized"] is True
    for user_id in ("ada", "nobody"):
        assert shop.ask("recent", anonymous_id="eve-phone", user_id=user_id) == own


def test_a_page_and_a_rank_are_a_strangers_too(shop: DoorShop) -> None:
    page = shop.client(shop.public)
    bodies: dict[str, list[Any]] = {"page": [], "rank": []}
    for who in ({"user_id": "ada"}, {"user_id": "nobody"}, {}):
        answer = page.post("/api/v1/page", {**who, "placements": [{"placement": "recent"}]}, format="json").json()
        slot = answer["placements"]["recent"]
        bodies["page"].append([slot["degraded"], slot["personalized"], slot["items"]])
        ranked = page.post("/api/v1/rank", {**who, "product_ids": ["throw", "lamp", "?"]}, format="json").json()
        bodies["rank"].append([ranked["product_ids"], ranked["degraded"]])

    for answers in bodies.values():
        assert answers[0] == answers[1] == answers[2]


def test_nothing_is_read_of_an_unproved_user_id(shop: DoorShop, monkeypatch: pytest.MonkeyPatch) -> None:
    """So the time an answer takes says nothing either."""
    reads: list[dict[str, Any]] = []
    monkeypatch.setattr("personalization.serving.shoppers.person_call", lambda **who: reads.append(who))

    shop.ask("home", user_id="ada")

    assert reads == []


@pytest.mark.parametrize("method", ["get", "put"])
def test_the_consents_route_says_of_no_unproved_user_id_whether_it_is_known(shop: DoorShop, method: str) -> None:
    page = shop.client(shop.public)

    answers = [
        getattr(page, method)(f"/api/v1/consents/user:{user_id}", *([{"decisions": NO}] if method == "put" else []),
                              format="json")
        for user_id in ("ada", "nobody")
    ]  # fmt: skip

    assert [answer.status_code for answer in answers] == [403, 403]
    assert answers[0].json()["detail"] == answers[1].json()["detail"]


# What is said --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("proved", PROOFS)
def test_an_accounts_refusal_is_lifted_only_by_who_proves_it(shop: DoorShop, proved: bool) -> None:
    shop.server(event(event="Consent Updated", properties={}, **ADA, context=consent(NO)))
    before = known(shop, USER)

    shop.browser(event("identify", **ADA, **EVE, **hers(shop, proved)))
    shop.browser(event(**ADA, **EVE, **hers(shop, proved)))

    assert allowed(USER) == dict.fromkeys(YES, proved)
    assert (known(shop, USER) == before) is not proved
    assert allowed(DEVICE) == YES


@pytest.mark.parametrize("proved", PROOFS)
def test_a_refusal_binds_the_device_and_the_account_only_where_it_is_proved(shop: DoorShop, proved: bool) -> None:
    refusal = {"context": {**hers(shop, proved)["context"], **consent(NO)}}

    shop.browser(event(event="Consent Updated", properties={}, **ADA, **EVE, **refusal))

    assert allowed(DEVICE) == NO
    assert allowed(USER) == dict.fromkeys(YES, not proved)


@pytest.mark.parametrize("proved", PROOFS)
def test_the_privacy_signal_is_remembered_on_a_proved_account_alone(shop: DoorShop, proved: bool) -> None:
    shop.browser(event(**ADA, **EVE, **hers(shop, proved)), sec_gpc="1")

    assert allowed(USER) == dict.fromkeys(YES, not proved)


@pytest.mark.parametrize("previous", ["ada", "eve-phone", "ada-laptop"])
def test_an_alias_joins_no_accounts(shop: DoorShop, previous: str) -> None:
    shop.server(event(userId="bo", properties={"product_id": "mug"}))
    accounts = [known(shop, USER), known(shop, subject_pseudonym("user:bo"))]

    shop.browser(event("alias", userId="bo", previousId=previous, **EVE))
    shop.browser(event("alias", userId="bo", previousId=previous))

    assert [known(shop, USER), known(shop, subject_pseudonym("user:bo"))] == accounts
    assert not CustomerLink.objects.filter(kind="join").exists()


@pytest.mark.parametrize("proved", PROOFS)
def test_an_alias_attaches_the_device_once_the_hash_proves_the_user(shop: DoorShop, proved: bool) -> None:
    shop.browser(event(**EVE, properties={"product_id": "mug"}))

    shop.browser(event("alias", **ADA, **EVE, previousId="eve-phone", **hers(shop, proved)))

    assert ("mug" in products(read_person(user_id=pseudonym("ada")).history)) is proved
    assert ("lamp" in products(read_person(anonymous_id=pseudonym("eve-phone")).history)) is proved
    assert not CustomerLink.objects.filter(kind="join").exists(), "the hash proves one account, not two"


@pytest.mark.parametrize("kind", ["identify", "track", "page", "group"])
def test_a_device_is_attached_to_no_account_and_reads_nothing_through_it(shop: DoorShop, kind: str) -> None:
    shop.browser(event(kind, **ADA, **EVE))

    assert "lamp" not in products(read_person(anonymous_id=pseudonym("eve-phone")).history)
    assert shop.ask("recent", anonymous_id="eve-phone") == shop.ask("recent", anonymous_id="eve-phone", user_id="ada")
    answered = {
        item["product_id"]: item["reason"]["text"] for item in shop.ask("recent", anonymous_id="eve-phone")["items"]
    }
    assert "You looked at this lately" not in answered.get("lamp", "")


@pytest.mark.usefixtures("every_field_allowed")
def test_traits_of_an_unproved_identify_are_the_devices(shop: DoorShop) -> None:
    before = known(shop, USER)

    shop.browser(event("identify", **ADA, **EVE, traits={"city": "Nowhere", "loyalty": "gold"}))

    assert known(shop, USER) == before
    assert known(shop, DEVICE)["identity"][2] == {"city": "Nowhere", "loyalty": "gold"}


CLAIMS = (
    event("identify", **ADA, **EVE, traits={"size": "L"}),
    event(**ADA, **EVE, properties={"product_id": "mug"}),
)


def test_a_claim_is_kept_and_used_for_its_device_alone(shop: DoorShop) -> None:
    shop.browser(*CLAIMS)

    rows = Event.objects.filter(anonymous_id=pseudonym("eve-phone")).values_list("user_id", "claimed_user_id", "sender")
    assert set(rows) == {(None, pseudonym("ada"), "browser")}
    assert products(read_person(anonymous_id=pseudonym("eve-phone")).history) == ["mug"]
    assert "mug" not in products(read_person(user_id=pseudonym("ada")).history)
    row = Event.objects.filter(claimed_user_id=pseudonym("ada")).earliest("at")
    page = staff("ops", "operator").get(reverse("admin:events_event_change", args=[row.pk]))
    assert "Claimed user id" in page.content.decode()


@pytest.mark.parametrize("prover", ["server", "hash"])
@pytest.mark.parametrize("kind", ["identify", "track", "alias"])
@pytest.mark.parametrize("late", [False, True])
@pytest.mark.usefixtures("every_field_allowed")
def test_a_claim_is_joined_to_the_account_once_the_pair_is_proved(
    shop: DoorShop, prover: str, kind: str, late: bool
) -> None:
    pair = {**ADA, **EVE, **({"previousId": "eve-phone"} if kind == "alias" else {})}
    send = shop.server if prover == "server" else shop.browser
    proof = event(kind, **pair, **hers(shop, prover == "hash"))

    if late:
        send(proof)
    shop.browser(*CLAIMS)
    if not late:
        send(proof)

    assert "mug" in products(read_person(user_id=pseudonym("ada")).history)
    assert known(shop, USER)["identity"][2] == {"city": "Kiel", "size": "L"}
    rows = trained()  # the server's alias makes two accounts one, which has the name of either
    assert "mug" in [one["item_id"] for name in (USER, JOINED) for one in rows.get(name, [])]
    live = known(shop, USER)
    redis.client().flushdb()
    replay(get_log())
    assert known(shop, USER) == live


@pytest.mark.parametrize(
    "item", [event(**ADA), event("identify", **ADA), event("alias", **ADA, previousId="x"), order("O9", **ADA)]
)
def test_a_claim_is_never_refused_also_without_an_anonymous_id(shop: DoorShop, item: dict[str, Any]) -> None:
    before = known(shop, USER)

    shop.browser(item)

    assert Event.objects.get(claimed_user_id=pseudonym("ada")).user_id is None
    assert known(shop, USER) == before


# Orders --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("proved", PROOFS)
def test_a_browsers_order_is_unconfirmed_and_shown_so_until_the_server_sends_it(shop: DoorShop, proved: bool) -> None:
    shop.browser(order("O2", 99_999, **ADA, **EVE, **hers(shop, proved)))

    stored = Order.objects.get(order_id="O2")
    owner = (pseudonym("ada"), USER) if proved else (None, DEVICE)
    assert (stored.user_id, stored.claimed_by, stored.confirmed) == (*owner, False)
    assert (pulse(now=clock.now()).orders, pulse(now=clock.now()).unconfirmed) == (1, 1)
    assert [one.price for one in read_person(anonymous_id=pseudonym("eve-phone")).history if one.order_id == "O2"] in (
        [None],
        [],
    )
    client = staff("ops", "operator")
    assert "unconfirmed" in client.get(reverse("admin:events_order_changelist")).content.decode()
    assert [
        row.order_id
        for row in client.get(reverse("admin:events_order_changelist"), {"confirmed": "no"}).context["cl"].result_list
    ] == ["O2"]
    subject = USER if proved else DEVICE
    assert "unconfirmed" in client.get(reverse("portal:customer", args=[subject])).content.decode()

    shop.server(order("O2", 12, **ADA))

    stored = Order.objects.get(order_id="O2")
    assert (stored.user_id, stored.claimed_by, stored.confirmed, stored.total) == (
        pseudonym("ada"),
        "",
        True,
        Decimal(12),
    )
    assert (pulse(now=clock.now()).orders, pulse(now=clock.now()).unconfirmed) == (2, 0)
    assert "unconfirmed" not in client.get(reverse("portal:customer", args=[USER])).content.decode()
    shop.browser(order("O2", 99_999, name="Order Updated", **ADA, **EVE, **hers(shop, proved)))
    assert Order.objects.get(order_id="O2").total == 12


@pytest.mark.parametrize("name", ["Order Completed", "Order Updated", "Order Refunded", "Order Cancelled"])
@pytest.mark.parametrize("proved", PROOFS)
def test_a_browser_changes_no_order_of_the_server(shop: DoorShop, name: str, proved: bool) -> None:
    before = known(shop, USER)["rows"]

    shop.browser(order("O1", 99_999, name=name, **ADA, **EVE, **hers(shop, proved)))

    assert known(shop, USER)["rows"] == before
    assert not Order.objects.filter(order_id="O1", claimed_by=DEVICE, confirmed=True).exists()


@pytest.mark.parametrize("confirms", [False, True])
def test_one_browser_changes_no_order_of_another(stocked_shop: None, confirms: bool) -> None:
    shop = DoorShop(confirms_orders=confirms)
    shop.browser(order("O2", 40, anonymousId="bo-phone"))

    for name in ("Order Completed", "Order Cancelled", "Order Refunded"):
        shop.browser(order("O2", 99_999, name=name, userId="bo", **EVE))

    mine = Order.objects.get(order_id="O2", anonymous_id=pseudonym("bo-phone"))
    assert (mine.total, mine.status, mine.confirmed) == (Decimal(40), "completed", confirms)
    assert pulse(now=clock.now()).unconfirmed == (0 if confirms else 2)


def test_a_shop_may_count_what_browsers_order(stocked_shop: None) -> None:
    shop = DoorShop(confirms_orders=True)

    shop.browser(order("O2", 40, anonymousId="bo-phone"))

    assert pulse(now=clock.now()).orders == 1
    assert [one.price for one in read_person(anonymous_id=pseudonym("bo-phone")).history] == [40]
    shop.server(order("O2", 41, userId="bo"))
    assert [(one.total, one.claimed_by) for one in Order.objects.filter(order_id="O2")] == [(Decimal(41), "")]


def test_a_purchase_that_browser_and_server_tell_counts_once_with_its_price(shop: DoorShop) -> None:
    shop.browser(order("O2", 12, **ADA, **EVE, **hers(shop, True)))
    shop.server(order("O2", 12, **ADA))

    assert [one.price for one in read_person(user_id=pseudonym("ada")).history if one.order_id == "O2"] == [12]


# Everything at once --------------------------------------------------------------------------------------------------

ROUNDS = count(1)
USERS, DEVICES = ("ada", "bo", "eve", "nobody"), ("eve-phone", "eve-tablet")
items = st.fixed_dictionaries(
    {
        "kind": st.sampled_from(["track", "track", "track", "identify", "alias", "page", "group", "screen"]),
        "userId": st.sampled_from([*USERS, None]),
        "anonymousId": st.sampled_from([*DEVICES, None]),
        "previousId": st.sampled_from([*USERS, *DEVICES]),
        "name": st.sampled_from(
            ["Product Viewed", "Product Added", "Preference Given", "Consent Updated",
             "Order Completed", "Order Updated", "Order Refunded", "Order Cancelled"]
        ),
        "order": st.sampled_from(["O1", "B1", "next"]),
        "choices": st.dictionaries(st.sampled_from(list(YES)), st.booleans()),
        "hash": st.sampled_from([None, "", "0" * 64, "eve's"]),
        "year": st.sampled_from([None, 2020, 2026]),
        "next_id": st.booleans(),
    }
)  # fmt: skip


def sent_by_eve(shop: DoorShop, turn: int, number: int, drawn: dict[str, Any]) -> dict[str, Any]:
    """Return an item of a browser that proves nobody; some take the message id that the server's next event has."""
    user_hash = shop.hash_of("eve") if drawn["hash"] == "eve's" and drawn["userId"] != "eve" else drawn["hash"]
    user_hash = "0" * 64 if user_hash == "eve's" else user_hash
    context = {**consent(drawn["choices"]), "user_hash": user_hash, "location": {"country": "US"}}
    order_id = f"N{turn}" if drawn["order"] == "next" else drawn["order"]
    lines = [{"product_id": "mug", "price": 99_999, "quantity": 3}]
    ids = {name: drawn[name] for name in ("userId", "anonymousId") if drawn[name]} or {"anonymousId": "eve-phone"}
    return {
        "type": drawn["kind"],
        **ids,
        **({"previousId": drawn["previousId"], "userId": drawn["userId"] or "ada"} if drawn["kind"] == "alias" else {}),
        "messageId": f"next-{turn}" if drawn["next_id"] else f"eve-{turn}-{number}",
        "event": drawn["name"],
        "properties": {"product_id": "mug", "liked": False, "order_id": order_id, "total": 99_999, "products": lines},
        "traits": {"city": "Nowhere", "region": "US"},
        "context": context,
        **({"timestamp": f"{drawn['year']}-01-01T00:00:00Z"} if drawn["year"] else {}),
    }


@pytest.fixture
def neighbors(shop: DoorShop) -> DoorShop:
    """The same shop: Ada refused on her account, Bo has a device of his own, a visitor never logged in."""
    shop.server(
        event("identify", userId="bo", anonymousId="bo-phone", traits={"city": "Bonn"}),
        order("B1", 20, userId="bo", anonymousId="bo-phone"),
        event(event="Consent Updated", properties={}, **ADA, context=consent(NO)),
    )
    shop.browser(
        event(anonymousId="visitor", properties={"product_id": "throw"}), order("V1", 30, anonymousId="visitor")
    )
    return shop


def everything(shop: DoorShop) -> list[Any]:
    """Return all that is known of everybody but Eve."""
    shoppers = ("user:ada", "user:bo", "anonymous:ada-phone", "anonymous:bo-phone", "anonymous:visitor")
    subjects = map(subject_pseudonym, shoppers)
    rows = trained()
    return [(subject, known(shop, subject), rows.get(subject)) for subject in subjects]


@pytest.mark.usefixtures("live_model")
@settings(max_examples=15)
@given(drawn=st.lists(items, min_size=1, max_size=6), gpc=st.booleans())
def test_whatever_an_unproved_browser_sends_changes_nothing_of_anybody_else(
    neighbors: DoorShop, drawn: list[dict[str, Any]], gpc: bool
) -> None:
    shop, turn = neighbors, next(ROUNDS)
    before = everything(shop)

    shop.browser(
        *(sent_by_eve(shop, turn, number, one) for number, one in enumerate(drawn)), sec_gpc="1" if gpc else "0"
    )

    assert everything(shop) == before
    shop.server(order(f"N{turn}", 7, userId="cy", messageId=f"next-{turn}"))
    assert [(one.user_id, one.total) for one in Order.objects.filter(order_id=f"N{turn}")] == [
        (pseudonym("cy"), Decimal(7))
    ]

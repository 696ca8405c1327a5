"""With pseudonyms no store holds an id of the shop, and every door still knows the shopper by it."""

from collections.abc import Iterator
from typing import Any
from unittest import mock

import pytest
from django.urls import reverse
from rest_framework.test import APIClient

from access.services import create_key
from common import privacy
from common.pseudonyms import SHAPE, pseudonym, subject_pseudonym
from customers import shop_ids
from customers.models import Customer, ShopId
from events.models import Event, Order, SetAside
from personalization.serving.exposures import exposures
from tests.portal.test_erased_everywhere import DEVICE, OF_THE_SHOP, USER, consume, in_postgres, in_redis, send
from tests.shop_fixtures import stocked_shop
from tests.staff import staff

__all__ = ["stocked_shop"]
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("stocked_shop")]
SUBJECT = f"user:{USER}"
SCOPES = ["events:write", "customers:read", "recommendations:read", "consents:read", "consents:write"]
VIEWED = {"event": "Product Viewed", "properties": {"product_id": "lamp"}}
ORDERED = {
    "event": "Order Completed",
    "properties": {"order_id": "O1", "revenue": 20, "products": [{"product_id": "lamp", "price": 20}]},
}


@pytest.fixture
def server() -> Iterator[APIClient]:
    """The shop's server, after one shopper looked, signed in and bought."""
    shop_ids.forget_sealed()
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {create_key(kind='sk', name='s', scopes=SCOPES)[1]}")
    with mock.patch("celery.current_app.send_task"):
        send(
            client,
            {**VIEWED, "userId": None},
            VIEWED,
            {"type": "identify", "traits": {"first_name": "Ada"}},
            ORDERED,
            {"event": 7},
        )
        consume()
        yield client


def test_no_store_holds_an_id_of_the_shop(server: APIClient) -> None:
    assert in_postgres(*OF_THE_SHOP) == []
    assert in_redis(*OF_THE_SHOP) == []
    assert {row.user_id for row in Event.objects.all()} == {None, pseudonym(USER)}
    assert Order.objects.get().user_id == pseudonym(USER)
    assert Customer.objects.get().raw_id == subject_pseudonym(SUBJECT)
    assert ShopId.objects.count() == 2
    assert shop_ids.ids_of([pseudonym(USER), pseudonym(DEVICE)]) == {pseudonym(USER): USER, pseudonym(DEVICE): DEVICE}


def test_doors_know_the_shopper_by_the_id_of_the_shop(server: APIClient) -> None:
    profile = server.get(f"/api/v1/customers/{USER}").json()
    assert (profile["user_ids"], profile["anonymous_ids"]) == ([USER], [DEVICE])
    assert profile["attributes"] == {"first_name": "Ada"}
    assert [one["user_id"] for one in server.get("/api/v1/customers").json()["customers"]] == [USER]
    listed = server.get("/api/v1/recommendations/recent", {"user_id": USER}).json()
    assert [one["product_id"] for one in listed["items"]] == ["lamp"]
    decisions = server.get(f"/api/v1/consents/{SUBJECT}").json()["decisions"]
    assert decisions["personalization"]["allowed"]
    on_date = server.get(f"/api/v1/consent-history/{SUBJECT}").json()
    assert set(on_date["raw_ids"]) == {SUBJECT, f"anonymous:{DEVICE}"}
    assert not SHAPE.search(server.get(f"/api/v1/consent-history/{SUBJECT}").content.decode())


def test_a_decision_by_the_id_of_the_shop_counts(server: APIClient) -> None:
    body = {"decisions": {"personalization": False}, "source": "banner"}
    assert server.put(f"/api/v1/consents/{SUBJECT}", body, format="json").status_code == 200
    consume()
    assert server.get("/api/v1/recommendations/recent", {"user_id": USER}).json()["personalized"] is False


def test_staff_find_and_read_a_shopper_by_the_id_of_the_shop(server: APIClient) -> None:
    admin = staff("root", "")
    answer = admin.post(reverse("portal:customers"), {"q": USER})
    assert answer.status_code == 302
    assert USER not in answer["Location"]
    for address in (answer["Location"], reverse("portal:customers"), reverse("portal:customer", args=[SUBJECT])):
        page = admin.get(address).content.decode()
        assert USER in page, address
    page = admin.get(answer["Location"]).content.decode()
    assert DEVICE in page
    assert f">{SUBJECT}</td>" in page  # beside each event
    for name in ("customers_customer", "events_event", "events_order", "consents_consentevent"):
        page = admin.get(reverse(f"admin:{name}_changelist"), {"q": USER}).content.decode()
        assert USER in page.replace(f'value="{USER}"', ""), name


def test_a_rejected_event_names_nobody_and_can_be_sent_again(server: APIClient) -> None:
    row = SetAside.objects.get()
    assert USER not in row.payload
    assert pseudonym(USER) in row.payload
    from events.services.collect import replay

    again = row.payload.replace('"event":7', '"event":"Product Viewed","properties":{"product_id":"lamp"}')
    before = Event.objects.filter(user_id=pseudonym(USER)).count()
    replay(again, source="server", received_at=1_790_000_000_000_000, request_context={}, message_id="again")
    consume()
    assert Event.objects.filter(user_id=pseudonym(USER)).count() == before + 1


def test_a_pseudonym_is_no_id_at_the_doors_of_the_shop(server: APIClient) -> None:
    profile = server.get(f"/api/v1/customers/{pseudonym(USER)}")
    assert profile.json().get("attributes", {}) == {}
    listed = server.get("/api/v1/recommendations/recent", {"user_id": pseudonym(USER)}).json()
    assert listed["items"] == []


def test_an_export_names_the_shopper_and_an_erasure_ends_the_way_back(server: APIClient) -> None:
    from consents.selectors.exports import export_tables

    person = privacy.Person((subject_pseudonym(SUBJECT), subject_pseudonym(f"anonymous:{DEVICE}")))
    tables: dict[str, list[dict[str, Any]]] = export_tables(person)
    assert tables["customers customers"][0]["raw_id"] == SUBJECT
    assert all(store.erase(person) >= 0 for store in privacy.stores())
    assert ShopId.objects.count() == 0
    assert shop_ids.with_ids([subject_pseudonym(SUBJECT)]) == [subject_pseudonym(SUBJECT)]


def test_who_asks_before_any_event_is_named_too(server: APIClient) -> None:
    body = {"decisions": {"personalization": True, "analytics": True}, "source": "banner"}
    assert server.put("/api/v1/consents/user:newcomer", body, format="json").status_code == 200
    assert shop_ids.ids_of([pseudonym("newcomer")]) == {pseudonym("newcomer"): "newcomer"}
    server.get("/api/v1/recommendations/recent", {"user_id": "newcomer", "anonymous_id": "tablet"})
    exposures.flush()
    consume()
    assert shop_ids.ids_of([pseudonym("tablet")]) == {pseudonym("tablet"): "tablet"}


def test_nobody_learns_whose_a_pseudonym_is(server: APIClient) -> None:
    named, stranger = staff("mia", "data scientist"), APIClient()
    words = {"q": pseudonym(USER)}
    for client, address in (
        (named, reverse("portal:customers")),
        (named, "/portal/preview"),
        (stranger, "/shop/search"),
    ):
        assert USER not in client.get(address, {**words, "subject": pseudonym(USER)}).content.decode(), address
    other = ["user:" + pseudonym("bo")]
    assert shop_ids.with_ids({"city": pseudonym(USER)}, of=other) == {"city": pseudonym(USER)}


def test_an_id_that_is_a_number_is_rejected_under_its_pseudonym(server: APIClient) -> None:
    send(server, {"userId": 4711, "event": 7}, VIEWED)
    consume()
    assert all("4711" not in row.payload.replace(pseudonym("4711"), "") for row in SetAside.objects.all())

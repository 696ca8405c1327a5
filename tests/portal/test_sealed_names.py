"""Names and contact data are sealed in every store, readers open them, and an erasure makes them unreadable."""

from collections.abc import Iterator
from typing import Any
from unittest import mock

import pytest
from django.urls import reverse
from rest_framework.test import APIClient

from access.services import create_key
from common import privacy
from common.pseudonyms import pseudonym, subject_pseudonym
from consents.selectors.exports import export_tables
from customers.models import Customer
from customers.personal import SEALED_BY_SUBJECT, email_hash, is_sealed
from customers.personal_seals import opened, sealed_at_door, sealed_by_subject
from customers.search import search_customers, searchable
from customers.selectors import is_email_of, users_with_email
from events.models import Event, SetAside
from events.services.collect import replay
from events.stream.tail import tail
from tests.portal import test_erased_everywhere as stores
from tests.portal.test_erased_everywhere import DEVICE, USER, consume, in_postgres, in_redis, send
from tests.shop_fixtures import stocked_shop
from tests.staff import staff

__all__ = ["stocked_shop"]
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("stocked_shop")]
TRAITS: dict[str, Any] = {
    "firstName": "Wilhelmina",
    "last_name": "O'Quarterdeck-Zu",
    "email": "wilhelmina@quarterdeck.example",
    "phone": "+49 30 5550199",
    "address": {"street": "Larkspur Lane 7", "city": "Bremen"},
    "billing": [{"email": "bills@quarterdeck.example"}],
    "region": "DE-BW",
}
SECRETS = ("Wilhelmina", "wilhelmina", "Quarterdeck", "quarterdeck", "5550199", "Larkspur")


@pytest.fixture
def server(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[APIClient]:
    """The shop's server, after one shopper said who she is, on a device and with an account."""
    monkeypatch.setattr(stores, "NEEDLES", tuple(one.encode() for one in SECRETS))
    client = APIClient()
    scopes = ["events:write", "customers:read"]
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {create_key(kind='sk', name='s', scopes=scopes)[1]}")
    with mock.patch("celery.current_app.send_task"):
        send(
            client,
            {"type": "identify", "userId": None, "traits": {"first_name": "Wilhelmina"}},
            {"type": "identify", "traits": TRAITS},
            {"event": 7, "traits": TRAITS},
        )
        tail.flush()
        consume()
        yield client


def person() -> privacy.Person:
    return privacy.Person((subject_pseudonym(f"user:{USER}"), subject_pseudonym(f"anonymous:{DEVICE}")))


def test_no_store_holds_a_name_or_an_address(server: APIClient) -> None:
    assert in_postgres() == []
    assert in_redis() == []
    traits = Event.objects.get(user_id=pseudonym(USER), kind="identify").traits
    assert traits["region"] == "DE-BW"
    assert is_sealed(traits["email"])


def test_every_reader_opens_them(server: APIClient) -> None:
    stated = {name: value for name, value in TRAITS.items() if name != "billing"}  # on nobody's list of fields
    profile = server.get(f"/api/v1/customers/{USER}").json()
    assert profile["attributes"] == {**stated, "first_name": "Wilhelmina"}
    assert server.get("/api/v1/customers").json()["customers"][0]["attributes"] == stated
    tables = export_tables(person())
    assert stated in [row["attributes"] for row in tables["customers customers"]]
    assert stated in [row["traits"] for row in tables["events events"]]
    event, aside = Event.objects.get(user_id=pseudonym(USER), kind="identify"), SetAside.objects.get()
    addresses = (
        reverse("portal:customers"),
        reverse("portal:customer", args=[subject_pseudonym(f"user:{USER}")]),
        reverse("admin:customers_customer_changelist"),
        reverse("admin:customers_customer_change", args=[Customer.objects.get(raw_id__startswith="user:").pk]),
        reverse("admin:events_event_change", args=[event.pk]),
        reverse("admin:events_setaside_change", args=[aside.pk]),
        reverse("portal:stream"),
    )
    named, other = staff("root", ""), staff("mia", "data scientist")
    for address in addresses:
        assert "wilhelmina@quarterdeck.example" in named.get(address).content.decode(), address
        page = other.get(address).content.decode()
        assert not [one for one in (*SECRETS, "sealed:") if one in page], address


def test_the_search_finds_by_beginnings_and_by_address(server: APIClient) -> None:
    for words, n in (
        ("wil", 2),
        ("quarter", 1),
        ("o'quarterdeck WILHELMINA", 1),
        ("wilhelmina@Quarterdeck.example ", 1),
    ):
        rows = search_customers(searchable(words), by_name=True, before=None, size=5).rows
        assert len(rows) == n, words
        assert person().subjects[0] in [row.raw_id for row in rows]
        assert "Wilhelmina" in rows[0].attributes.values()
    digest = email_hash("wilhelmina@quarterdeck.example")
    assert users_with_email(digest) == [pseudonym(USER)]
    assert is_email_of(person().subjects, digest)
    assert not is_email_of(person().subjects, email_hash("other@quarterdeck.example"))
    assert Customer.objects.get(raw_id=person().subjects[0]).email_hash != digest


def test_after_an_erasure_nothing_can_be_opened(server: APIClient) -> None:
    kept = [*Customer.objects.values_list("attributes", flat=True), *Event.objects.values_list("traits", flat=True)]
    assert any("Wilhelmina" in str(opened(one)) for one in kept)
    for store in privacy.stores():
        store.erase(person())
    assert [one for one in kept if {"firstName", "first_name", "email", "phone"} & opened(one).keys()] == []
    assert [one["region"] for one in map(opened, kept) if one.get("region")] == ["DE-BW"] * 2


def test_a_rejected_event_is_sent_again_with_what_was_sealed(server: APIClient) -> None:
    payload = SetAside.objects.get().payload.replace('"event":7', '"type":"identify"').replace('"type":"track",', "")
    assert "Wilhelmina" not in payload
    replay(payload, source="server", received_at=1_790_000_000_000_000, request_context={}, message_id="again")
    consume()
    event = Event.objects.get(message_id="again")
    assert opened(event.traits)["email"] == TRAITS["email"]


def test_a_sealed_text_that_somebody_sends_is_a_text(server: APIClient) -> None:
    stolen = Customer.objects.get(raw_id=person().subjects[0]).attributes["email"]
    with mock.patch("celery.current_app.send_task"):
        send(server, {"type": "identify", "userId": "thief", "traits": {"email": stolen, "region": stolen}})
        consume()
    thief = server.get("/api/v1/customers/thief").json()["attributes"]
    assert thief["email"] == stolen
    assert "quarterdeck" not in str(thief)


def test_a_correction_is_sealed_and_read(server: APIClient) -> None:
    for store in privacy.stores():
        if store.rectify:
            store.rectify(person(), {"phone": "+49 30 5550199", "region": "DE-NW"})
    assert in_postgres() == []
    assert in_redis() == []
    attributes = server.get(f"/api/v1/customers/{USER}").json()["attributes"]
    assert (attributes["phone"], attributes["region"]) == ("+49 30 5550199", "DE-NW")
    assert opened(sealed_by_subject([("user:other", {"name": "Zu\x00"})])[0]) == {"name": "Zu\ufffd"}
    # A replay writes the same texts.
    stated = [(person().subjects[0], {"email": "a@b.c", "address": {"street": "X"}})]
    assert sealed_by_subject(stated) == sealed_by_subject(stated)
    assert sealed_by_subject(stated)[0]["email"] != sealed_by_subject([("user:other", stated[0][1])])[0]["email"]


def test_a_declared_name_stays_readable_but_no_sealed_text_passes(settings: Any) -> None:
    settings.SHOPPER_ATTRIBUTES = ("birthday",)
    assert sealed_at_door({"birthday": "1990-01-01"}) == {"birthday": "1990-01-01"}
    assert is_sealed(sealed_at_door({"birthday": f"{SEALED_BY_SUBJECT}abc"})["birthday"])
    assert sealed_at_door({"email": None, "name": ""}) == {"email": None, "name": ""}

"""The doors of privacy requests: exact bodies, who may ask for whom, and what a stranger does not learn."""

import json
from collections.abc import Iterator
from typing import Any
from unittest import mock
from uuid import uuid4

import pytest
from django.core import mail as outbox
from django.test import Client
from pytest_django import Settings
from rest_framework.test import APIClient

from access.identity import sign_user
from access.selectors import resolve_key
from access.services import create_key
from common import clock
from common.pseudonyms import subject_pseudonym
from consents.models import PrivacyRequest
from consents.services import requests
from consents.tasks import send_link
from customers.services import StatedTraits, apply_traits

pytestmark = pytest.mark.django_db
URL = "/api/v1/privacy-requests"
BODY = {"subject": "user:U1", "kind": "erasure", "regime": "gdpr", "contact": "ada@example.com"}


@pytest.fixture(autouse=True)
def sent() -> Iterator[Any]:
    with mock.patch("celery.current_app.send_task") as send:
        yield send


@pytest.fixture
def ada() -> None:
    """The shopper U1, whose e-mail address the shop knows."""
    apply_traits(
        [StatedTraits(subject_pseudonym("user:U1"), clock.epoch_us(), "m1", {"email": "ada@example.com"}, True)]
    )


def client_with(raw: str) -> APIClient:
    client = APIClient(raise_request_exception=False)
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {raw}")
    return client


@pytest.fixture
def shop() -> APIClient:
    """The shop's server."""
    return client_with(create_key(kind="sk", name="server", scopes=["privacy:write"])[1])


@pytest.fixture
def browser_key() -> str:
    """The key of the shop's pages."""
    return create_key(kind="pk", name="pages")[1]


def post(client: APIClient, **fields: Any) -> Any:
    return client.post(URL, json.dumps({**BODY, **fields}), content_type="application/json")


def test_the_contract_s_body_in_and_out(shop: APIClient, ada: None) -> None:
    response = post(shop)

    assert response.status_code == 202
    row = PrivacyRequest.objects.get()
    assert response.json() == {"id": str(row.pk), "status": "identity_check", "due_at": f"{row.due_on}T23:59:59Z"}
    assert response["Cache-Control"] == "private, no-store"


def test_nothing_in_the_answer_tells_a_known_id_from_an_unknown_one(shop: APIClient, ada: None) -> None:
    known, unknown, again = post(shop).json(), post(shop, subject="user:nobody").json(), post(shop).json()

    assert {key: known[key] for key in ("status", "due_at")} == {key: unknown[key] for key in ("status", "due_at")}
    assert again["status"] == "identity_check", "a duplicate is checked, too"
    assert len({known["id"], unknown["id"], again["id"]}) == 3


def test_a_browser_asks_for_its_own_user_or_device_alone(browser_key: str) -> None:
    browser, key = client_with(browser_key), resolve_key(browser_key)
    assert key is not None
    signature = sign_user(key.identity_secret, user_id="U1")

    assert post(browser).status_code == 403
    assert post(browser, user_hash="0" * 64).status_code == 403
    assert not PrivacyRequest.objects.exists()
    assert post(browser, user_hash=signature).json()["status"] == "open"
    assert post(browser, subject="anonymous:a1").json()["status"] == "open"
    assert list(PrivacyRequest.objects.order_by("id").values_list("identity_method", flat=True)) == ["login", "device"]


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"kind": "deletion"}, "kind"),
        ({"regime": "lgpd"}, "regime"),
        ({"subject": "user: "}, "subject"),
        ({"contact": "x" * 321}, "contact"),
        ({"kind": "rectification"}, "corrections"),
        ({"corrections": {"city": "Bonn"}}, "corrections"),
        ({"kind": "rectification", "corrections": {"city": ["Bonn"]}}, "corrections.city"),
        ({"kind": "objection", "purposes": ["essential"]}, "purposes"),
        ({"kind": "access", "purposes": ["analytics"]}, "purposes"),
    ],
)
def test_a_bad_request_names_its_field_and_leaves_nothing(shop: APIClient, fields: Any, field: str) -> None:
    response = post(shop, **fields)

    assert response.status_code == 400
    assert [one["field"] for one in response.json()["errors"]] == [field]
    assert not PrivacyRequest.objects.exists()


def test_a_key_without_the_scope_is_refused() -> None:
    assert post(client_with(create_key(kind="sk", name="s", scopes=["consents:write"])[1])).status_code == 403


def test_the_server_reads_how_far_it_is_and_a_browser_does_not(shop: APIClient, browser_key: str, ada: None) -> None:
    made = post(shop).json()

    body = shop.get(f"{URL}/{made['id']}").json()

    assert body["kind"] == "erasure"
    assert (body["failed_stores"], body["receipt"], body["closed_at"]) == ([], None, None)
    assert client_with(browser_key).get(f"{URL}/{made['id']}").status_code == 403
    assert shop.get(f"{URL}/{uuid4()}").status_code == 404


def test_the_page_of_a_link_names_nobody_and_a_wrong_one_learns_nothing(
    client: Client, shop: APIClient, ada: None
) -> None:
    post(shop)
    row = PrivacyRequest.objects.get()
    address = f"/privacy/confirm/{requests.new_link(row.pk, actor='staff:1')}"

    page, wrong = client.get(address), client.get("/privacy/confirm/" + "x" * 43)

    assert page.status_code == 200
    assert not any(word in page.content for word in (b"U1", b"ada", b"erasure", b"Erasure"))
    assert wrong.status_code == 404
    assert PrivacyRequest.objects.get().status == "identity_check", "a mail program that looks ahead proves nothing"
    assert client.post("/privacy/confirm/" + "x" * 43).content == wrong.content
    assert client.post(address).status_code == 200
    assert PrivacyRequest.objects.get().status == "open"
    used = client.get(address)
    assert (used.status_code, used.content) == (404, wrong.content)
    assert used["Referrer-Policy"] == "same-origin", "the secret leaves this origin with no link"


def test_the_link_is_mailed_to_the_known_address_only(
    settings: Settings, sent: Any, shop: APIClient, client: Client, ada: None, django_capture_on_commit_callbacks: Any
) -> None:
    settings.EMAIL_HOST, settings.PUBLIC_URL = "mail.example.com", "https://shop.example.com"
    with django_capture_on_commit_callbacks(execute=True):
        post(shop)
        post(shop, contact="eve@example.com")
    for call in sent.call_args_list:
        assert call.args == ("consents.send_link",)
        send_link(*call.kwargs["args"])

    (message,) = outbox.outbox
    assert message.to == ["ada@example.com"]
    (link,) = [line for line in message.body.splitlines() if "://" in line and "confirm" in line]
    assert client.get(link.removeprefix("https://shop.example.com")).status_code == 200
    assert "U1" not in message.body

"""Tickets for sockets, as keys get them."""

from collections.abc import Callable
from typing import Any

import pytest
from rest_framework.test import APIClient

from access.services import create_key
from common.pseudonyms import pseudonym
from personalization.api.sockets.tickets import Ticket
from tests.personalization.unproved import DoorShop

pytestmark = pytest.mark.usefixtures("stocked_shop")
PATH = "/api/v1/tickets"


def ticket(client: APIClient, **fields: Any) -> Ticket:
    """Return what a ticket of this client says."""
    response = client.post(PATH, fields, format="json")
    assert (response.status_code, response.json()["expires_in"]) == (201, 30)
    assert response["Cache-Control"] == "private, no-store"
    return Ticket.redeem(response.json()["ticket"])


def test_a_server_names_any_user(server: APIClient) -> None:
    content = ticket(server, user_id="ada", anonymous_id="a1")

    assert (content.user_id, content.anonymous_id) == (pseudonym("ada"), pseudonym("a1"))


def test_a_browser_names_a_user_with_the_hash_alone() -> None:
    shop = DoorShop()
    page = shop.client(shop.public)

    claimed = ticket(page, user_id="ada", anonymous_id="a1")
    proved = ticket(page, user_id="ada", user_hash=shop.hash_of("ada"))

    assert (claimed.user_id, claimed.anonymous_id) == (None, pseudonym("a1"))
    assert proved.user_id == pseudonym("ada")


@pytest.mark.parametrize(
    ("key_of", "origin", "status"),
    [
        (lambda: "", None, 401),
        (lambda: "pk_unknown", None, 401),
        (lambda: create_key(kind="pk", name="page", origins=["https://shop.example"])[1], "https://evil.example", 403),
        (lambda: create_key(kind="sk", name="server", scopes=["events:write"])[1], None, 403),
    ],
)
def test_others_get_none(client: APIClient, key_of: Callable[[], str], origin: str | None, status: int) -> None:
    headers = {"Authorization": f"Bearer {key_of()}"} | ({"Origin": origin} if origin else {})

    response = client.post(PATH, {}, content_type="application/json", headers=headers)

    assert (response.status_code, response.json()["status"]) == (status, status)

"""An erased shopper does not come back: not by late events, an alias or a claim, nor by what the server writes."""

from typing import Any

import pytest
from rest_framework.test import APIClient

from access.services import create_key
from common import clock
from common.pseudonyms import pseudonym, subject_pseudonym
from consents.selectors import states
from consents.services import decide_for
from consents.services.suppression import suppress
from events.log import get_log
from events.services.server_events import ServerEvent, append_server_events
from events.types.base import Event

ADA = subject_pseudonym("user:ada")
pytestmark = pytest.mark.django_db
YES = {"consent": {"categoryPreferences": {"analytics": True, "personalization": True}}}
ORDER = {"order_id": "O1", "products": [{"product_id": "P1"}]}


@pytest.fixture
def server() -> APIClient:
    return with_key(create_key(kind="sk", name="server", scopes=["events:write"])[1])


def with_key(raw: str) -> APIClient:
    client = APIClient(raise_request_exception=False)
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {raw}")
    return client


def send(client: APIClient, *items: dict[str, Any]) -> None:
    batch = [
        {"type": "track", "event": "Product Viewed", "properties": {"product_id": "P1"}, "context": YES, **item}
        for item in items
    ]
    assert client.post("/v1/batch", {"batch": batch}, format="json").status_code == 200


def kept() -> list[Event]:
    log = get_log()
    rows = [entry for shard in range(log.shards) for _, entry in log.read(shard)]
    return [Event.decode(entry.body) for entry in rows if entry.kind == "event"]


def test_no_event_of_an_erased_shopper_is_kept_not_even_an_order_or_a_repeated_yes(server: APIClient) -> None:
    suppress([ADA, subject_pseudonym("anonymous:phone")])

    send(server, {"userId": "ada"}, {"anonymousId": "phone"}, {"userId": "ada", "anonymousId": "new"})
    send(server, {"userId": "ada", "event": "Order Completed", "properties": ORDER})
    send(server, {"userId": "ada", "type": "identify", "traits": {"city": "Ulm"}})
    send(server, {"userId": "bo", "previousId": "ada", "type": "alias"})

    assert kept() == []
    assert states([ADA])[ADA].decisions == {}


def test_another_account_on_their_device_is_somebody_else(server: APIClient) -> None:
    suppress([ADA, subject_pseudonym("anonymous:phone")])

    send(server, {"userId": "bo", "anonymousId": "phone"})

    assert [one.user_id for one in kept()] == [pseudonym("bo")]


def test_a_claim_of_an_erased_user_is_dropped_and_the_devices_event_stays() -> None:
    browser = with_key(create_key(kind="pk", name="pages")[1])
    suppress([ADA])

    send(browser, {"userId": "ada", "anonymousId": "tablet"})

    (event,) = kept()
    assert (event.anonymous_id, event.user_id, event.claimed_user_id) == (pseudonym("tablet"), None, None)


def test_what_the_server_writes_names_no_erased_shopper() -> None:
    decide_for(ADA, decisions={"personalization": True}, actor="test")
    suppress([ADA])

    append_server_events([ServerEvent("m1", "Recommendation Served", clock.epoch_us(), user_id=pseudonym("ada"))])

    assert [one.user_id for one in kept() if one.name == "Recommendation Served"] == [None]


def test_who_decides_anew_is_welcome_and_what_was_before_stays_away(server: APIClient) -> None:
    before = clock.now().isoformat()
    suppress([ADA])
    decide_for(ADA, decisions={"personalization": True, "analytics": True}, actor="test")

    send(server, {"userId": "ada", "messageId": "new"}, {"userId": "ada", "messageId": "old", "timestamp": before})

    assert [one.message_id for one in kept() if one.name == "Product Viewed"] == ["new"]

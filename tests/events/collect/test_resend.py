"""What was set aside is judged, when it is sent again, as it would have been judged when it came."""

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from rest_framework.test import APIClient

from access.services import create_key
from events.models import SetAside
from events.services.recorder import Recorder, offsets
from events.services.resend import resend

if TYPE_CHECKING:
    from events.types.base import Event
    from tests.events.collect.conftest import LogReader

Maker = Callable[..., dict[str, Any]]
pytestmark = pytest.mark.django_db
NO_ID: dict[str, Any] = {"properties": {}}
OURS: dict[str, Any] = {"context": {}, "anonymousId": "bo"}


@pytest.fixture
def page() -> APIClient:
    """A shopper's page in California, of a browser that says so."""
    client = APIClient(raise_request_exception=False)
    client.credentials(
        HTTP_AUTHORIZATION=f"Bearer {create_key(kind='pk', name='pages')[1]}",
        HTTP_ORIGIN="https://shop.example",
        HTTP_USER_AGENT="Mozilla/5.0 (iPhone) Mobile/15E148",
    )
    return client


def recorded() -> SetAside:
    """Let the recorder write what the log holds; return the row of the item."""
    from events.log import get_log

    log = get_log()
    after = offsets(range(log.shards))
    Recorder().record(log.read_many(after), after=after)
    return SetAside.objects.get()


def mended(aside: SetAside, **fields: Any) -> SetAside:
    """Return the row as if what it was refused for were allowed by now."""
    aside.payload = json.dumps({**json.loads(aside.payload), "properties": {"product_id": "P1"}, **fields})
    return aside


def sent(client: APIClient, body: Any, **headers: Any) -> None:
    answer = client.post("/v1/batch", json.dumps(body), content_type="application/json", **headers)
    assert answer.status_code == 200


def again(log: "LogReader", message_id: str = "m2", **fields: Any) -> "Event | None":
    item = mended(recorded(), **fields)
    assert resend([item], actor="staff:1") == (1, 0), item.replay_error
    return next((one for one in log.events() if one.message_id == message_id), None)


def test_a_browser_s_signal_holds_for_what_is_sent_again(page: APIClient, log: "LogReader", viewed: Maker) -> None:
    sent(page, {"batch": [viewed(), viewed("m2", **NO_ID)]}, HTTP_SEC_GPC="1")

    event = again(log)

    assert event is None
    assert [one["reason"] for one in log.counted()] == ["gpc", "gpc"]


def test_the_region_it_came_from_decides_again(page: APIClient, log: "LogReader", viewed: Maker) -> None:
    here = {"context": {"location": {"country": "US", "region": "CA"}}}
    sent(page, {"batch": [viewed(), viewed("m2", **here, **NO_ID)]})

    event = again(log)

    assert event is not None
    assert event.context["region"] == "US-CA"
    assert event.context["device"] == {"type": "mobile"}


@pytest.mark.usefixtures("every_field_allowed")
def test_what_the_batch_said_for_all_is_said_again(server: APIClient, log: "LogReader", viewed: Maker) -> None:
    consent = {"categoryPreferences": {"analytics": True}}
    shared = {"consent": consent, "page": {"path": "/sofas"}, "library": {"name": "shop"}, "ip": "203.0.113.9"}
    bad = viewed("m2", timestamp="2026-01-01T10:00:00Z", **OURS, **NO_ID)
    body = {"batch": [viewed(**OURS), bad], "context": shared, "sentAt": "2026-01-01T10:00:05Z"}
    sent(server, body)

    event = again(log)

    assert event is not None
    assert event.allowed == ("analytics",)
    assert event.context == {"page": {"path": "/sofas"}, "library": {"name": "shop"}}
    assert event.received_at - event.at == 5_000_000


def test_what_was_not_for_us_is_not_for_us_later(server: APIClient, log: "LogReader", viewed: Maker) -> None:
    sent(server, {"batch": [viewed(), viewed("m2", **NO_ID)], "integrations": {"Vitrine": False}})

    assert again(log) is None
    assert [one["reason"] for one in log.counted()] == ["not_for_us", "not_for_us"]


@pytest.mark.usefixtures("every_field_allowed")
def test_traits_of_the_batch_come_along_with_who_is_identified(server: APIClient, log: "LogReader") -> None:
    who = {"type": "identify", "userId": "ada"}
    yes = {"consent": {"categoryPreferences": {"analytics": True}}}
    shared = {**yes, "traits": {"plan": "gold", "user_hash": "f00d" * 16}}
    bad = {**who, "messageId": "m2", "timestamp": "yesterday"}
    sent(server, {"batch": [{**who, "messageId": "m1"}, bad], "context": shared})

    event = again(log, timestamp=None)

    assert event is not None
    assert event.traits == {"plan": "gold"}


def test_nothing_that_proves_or_places_is_kept(
    page: APIClient, server_key: str, log: "LogReader", viewed: Maker
) -> None:
    agent = "Moa/5.0 (iPad)"
    shared = {
        "ip": "203.0.113.9",
        "userAgent": agent,
        "page": {"title": f"with {server_key}", "url": "https://a/?me=1"},
    }
    context = {**shared, "location": {"country": "DE", "city": "Bremen"}, "user_hash": "f00d" * 16}
    sent(page, {"batch": [viewed(), viewed("m2", **OURS, **NO_ID)], "context": context}, HTTP_X_USER_HASH="beef" * 16)

    (aside,) = log.set_aside()
    text = orjson.dumps(aside).decode()

    assert aside["carried"]["region"] == "DE"
    assert aside["carried"]["context"]["userAgent"] == "tablet"
    for hidden in ("203.0.113.9", "Moa/5", "Bremen", "f00d", "beef", "me=1", server_key):
        assert hidden not in text


def test_an_item_without_a_message_id_is_the_same_however_often_it_is_sent(
    server: APIClient, log: "LogReader", viewed: Maker
) -> None:
    sent(server, {"batch": [viewed(), viewed(None, **NO_ID)]})
    item = mended(recorded())

    resend([item, item], actor="staff:1")

    ids = [one.message_id for one in log.events() if one.message_id != "m1"]
    assert ids == [f"set-aside-{item.shard}-{item.log_offset}"] * 2  # the recorder keeps one of them


def test_an_item_that_names_nobody_keeps_no_traits_of_the_batch(
    server: APIClient, log: "LogReader", viewed: Maker
) -> None:
    """Erasure finds a rejected item by its ids."""
    bad = {"type": "identify", "messageId": "m2"}
    sent(server, {"batch": [viewed(), bad], "context": {"traits": {"city": "Bremen"}}})

    assert "Bremen" not in str(log.set_aside())


def test_a_row_of_before_is_judged_with_what_it_has(server: APIClient, log: "LogReader", viewed: Maker) -> None:
    sent(server, {"batch": [viewed(), viewed("m2", **NO_ID)]})
    recorded()
    SetAside.objects.update(request_context={})

    assert resend([mended(SetAside.objects.get())], actor="staff:1") == (1, 0)

"""Events, rejected events and orders in the admin: to look up and to send again, never to edit."""

from datetime import timedelta
from typing import Any, Literal

import orjson
import pytest
from django.urls import reverse

from access.models import ApiKey
from access.services import create_key, revoke_key
from audit.models import AuditEvent
from common import clock
from common.pseudonyms import pseudonym
from consents.selectors import person as said_of
from consents.selectors import rule_of, terms
from consents.services import decide_for
from events.intake.limits import MAX_ITEM
from events.log import Entry, get_log
from events.models import Event, SetAside
from events.services.decoding import rejected_item
from events.services.recorder import Recorder, offsets
from events.types.base import Event as Happened
from tests.events.builders import START, entry, event
from tests.staff import staff

pytestmark = pytest.mark.django_db

ITEM = {
    "type": "track",
    "event": "Product Viewed",
    "messageId": "m9",
    "userId": "ada",
    "properties": {"product_id": "P"},
}
CONSENT = {"context": {"consent": {"categoryPreferences": {"analytics": True}}}}
LIST, ORDERS, ASIDE = (reverse(f"admin:events_{name}_changelist") for name in ("event", "order", "setaside"))


def record(*entries: Entry) -> None:
    after = offsets([0])
    first = after[0] + 1
    Recorder().record({0: list(enumerate(entries, start=first))}, after=after)


def key(kind: Literal["pk", "sk"] = "sk", **facts: Any) -> ApiKey:
    return create_key(kind=kind, name="shop", **facts)[0]


def set_aside(payload: bytes, source: str = "server") -> SetAside:
    body = {"message_id": "m9", "reason": "bad", "field": "x", "payload": payload.decode(), "source": source}
    record(Entry("set_aside", "k", orjson.dumps({**body, "received_at": START})))
    return SetAside.objects.latest("id")


def appended() -> list[Happened]:
    log = get_log()
    read = log.read_many(dict.fromkeys(range(log.shards), 0))
    return [Happened.decode(one.body) for rows in read.values() for _, one in rows]


PHONE = "695efb42-27fc-4c1c-8f1e-0d7d1d7a9a11"


@pytest.mark.parametrize("query", ["user:bo", "bo", f"anonymous:{PHONE}", PHONE])
def test_events_of_one_shopper_are_found_by_whole_id(query: str) -> None:
    record(entry(event(1)), entry(event(2, user_id=pseudonym("bo"), anonymous_id=pseudonym(PHONE))))

    page = staff("ops", "operator").get(LIST, {"q": query})

    assert page.status_code == 200
    assert [row.message_id for row in page.context["cl"].result_list] == ["m2"]


def test_the_last_recorded_comes_first_and_an_event_is_read_only() -> None:
    record(entry(event(1)), entry(event(2)))
    client, row = staff("ops", "operator"), Event.objects.get(message_id="m1")

    rows = client.get(LIST).context["cl"].result_list
    page = client.get(reverse("admin:events_event_change", args=[row.pk]))

    assert [one.message_id for one in rows] == ["m2", "m1"]
    assert page.status_code == 200
    assert "P1" in page.content.decode()
    assert client.post(reverse("admin:events_event_change", args=[row.pk]), {"name": "x"}).status_code == 403
    assert client.get(LIST, {"name": "Product Viewed"}).status_code == 200


def test_orders_are_listed_with_their_lines() -> None:
    bought = {"order_id": "O1", "revenue": 20, "products": [{"product_id": "A", "price": 10, "quantity": 2}]}
    record(entry(event(1, name="Order Completed", properties=bought)))
    client = staff("ops", "operator")

    (order,) = client.get(ORDERS, {"q": "O1", "status": "completed"}).context["cl"].result_list
    page = client.get(reverse("admin:events_order_change", args=[order.pk]))

    assert "A" in page.content.decode()
    assert order.revenue == 20


def test_an_operator_sends_a_mended_item_again() -> None:
    item = set_aside(orjson.dumps({**ITEM, **CONSENT}))

    staff("ops", "operator").post(ASIDE, {"action": "send_again", "_selected_action": [item.pk]})

    item.refresh_from_db()
    assert item.replayed_at
    assert item.replay_error == ""
    assert [one.message_id for one in appended()] == ["m9"]
    assert AuditEvent.objects.filter(action="event.replayed", object=f"set_aside:{item.pk}").count() == 1


@pytest.mark.parametrize("revoked", [False, True])
def test_what_a_server_sent_is_accepted_by_its_key_at_the_time_it_came(revoked: bool) -> None:
    api_key = key()
    if revoked:
        revoke_key(api_key.pk, actor="staff:1")
    item = set_aside(orjson.dumps({**ITEM, **CONSENT}), source=f"key:{api_key.pk}")

    staff("ops", "operator").post(ASIDE, {"action": "send_again", "_selected_action": [item.pk]})

    item.refresh_from_db()
    assert item.replay_error == ""
    assert [(one.source, one.at, one.received_at) for one in appended()] == [(f"key:{api_key.pk}", START, START)]


@pytest.mark.parametrize("payload", [b"[1, 2]", b'"text"', b"{}", b"no JSON"])
def test_what_is_no_event_is_refused_once_more_in_words(payload: bytes) -> None:
    item = set_aside(payload, source="recorder")

    answer = staff("ops", "operator").post(ASIDE, {"action": "send_again", "_selected_action": [item.pk]})

    item.refresh_from_db()
    assert answer.status_code == 302
    assert "not an event" in item.replay_error
    assert appended() == []


def test_a_large_entry_that_could_not_be_recorded_is_kept_whole() -> None:
    large = event(1, properties={"note": "x" * 2 * MAX_ITEM})

    item = rejected_item((0, 7, entry(large)), "the table is away")

    assert Happened.decode(item.payload.encode()) == large


@pytest.mark.parametrize("source", ["key:999999", "key:x", ""])
def test_nothing_is_sent_again_for_a_sender_that_nobody_knows(source: str) -> None:
    item = set_aside(orjson.dumps({**ITEM, **CONSENT}), source=source)

    staff("ops", "operator").post(ASIDE, {"action": "send_again", "_selected_action": [item.pk]})

    item.refresh_from_db()
    assert "not known" in item.replay_error
    assert appended() == []


def test_no_click_makes_an_unproven_user_id_a_proven_one() -> None:
    item = set_aside(orjson.dumps({**ITEM, **CONSENT}), source=f"key:{key('pk').pk}")

    staff("ops", "operator").post(ASIDE, {"action": "send_again", "_selected_action": [item.pk]})

    (sent,) = appended()
    assert (sent.user_id, sent.claimed_user_id) == (None, pseudonym(str(ITEM["userId"])))


def test_a_yes_that_is_sent_again_is_older_than_the_no_that_came_since() -> None:
    decide_for("user:ada", decisions={"analytics": False}, actor="staff:1", source="portal")
    item = set_aside(orjson.dumps({**ITEM, **CONSENT}), source=f"key:{key().pk}")
    SetAside.objects.update(received_at=clock.now() - timedelta(days=1))

    staff("ops", "operator").post(ASIDE, {"action": "send_again", "_selected_action": [item.pk]})

    item.refresh_from_db()
    assert item.replay_error == ""
    assert not said_of("user:ada").verdict(terms()["analytics"], rule=rule_of(None)).allowed


def test_an_item_that_is_still_bad_says_why() -> None:
    item = set_aside(b'{"type": "track"}')

    form = {"action": "send_again", "_selected_action": [item.pk]}
    page = staff("ops", "operator").post(f"{ASIDE}?sent=no", form, follow=True)

    item.refresh_from_db()
    assert item.replay_error
    assert f'href="{ASIDE}?sent=refused"' in page.content.decode(), "the list of those not sent again has it no more"
    assert appended() == []


def test_rejected_events_are_found_by_their_field() -> None:
    item = set_aside(orjson.dumps(ITEM))

    changelist = staff("ops", "operator").get(ASIDE, {"q": item.field}).context["cl"]

    assert [row.pk for row in changelist.result_list] == [item.pk]


def test_what_the_recorder_set_aside_goes_back_to_the_log_as_it_was() -> None:
    item = set_aside(event(5).encode(), source="recorder")

    staff("ops", "operator").post(ASIDE, {"action": "send_again", "_selected_action": [item.pk]})

    assert appended() == [event(5)]


def test_one_who_may_only_look_cannot_send_again() -> None:
    item = set_aside(orjson.dumps({**ITEM, **CONSENT}))
    client = staff("dee", "merchandiser")

    assert client.get(ASIDE).status_code == 200
    client.post(ASIDE, {"action": "send_again", "_selected_action": [item.pk]})

    item.refresh_from_db()
    assert item.replayed_at is None
    assert appended() == []


def test_amounts_of_an_order_are_written_in_its_currency() -> None:
    lines = [{"product_id": "A", "price": 1000, "quantity": 2}]
    bought = {"order_id": "O1", "revenue": 2000, "currency": "JPY", "products": lines}
    record(entry(event(1, name="Order Completed", properties=bought)))
    client = staff("ops", "operator")
    (order,) = client.get(ORDERS).context["cl"].result_list

    list_page = client.get(ORDERS).content.decode()
    page = client.get(reverse("admin:events_order_change", args=[order.pk])).content.decode()

    assert ("¥2,000" in list_page, "¥2,000" in page, "¥1,000" in page) == (True, True, True)
    assert ".0000" not in list_page + page

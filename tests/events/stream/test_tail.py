"""What came in stands in the stream with its verdict; without consent there are neither ids nor payload."""

import time
from typing import Any

import orjson
import pytest
from rest_framework.test import APIClient

from access.services import create_key
from common import privacy, redis
from common.pseudonyms import subject_pseudonym
from events.log import get_log
from events.services import waiting
from events.services.recorder import Recorder, offsets
from events.stream import minutes, ring
from events.stream.line import MAX_PAYLOAD, Line
from events.stream.tail import MOST_LINES, tail
from tests.events.builders import entry, event

pytestmark = pytest.mark.django_db
YES = {"consent": {"categoryPreferences": {"analytics": True, "personalization": True}}}
NO = {"consent": {"categoryPreferences": {"analytics": False, "personalization": False}}}
VIEW = {"type": "track", "event": "Product Viewed", "properties": {"product_id": "P1"}}


@pytest.fixture
def server() -> APIClient:
    """The shop's server, with its key in the header."""
    client = APIClient(raise_request_exception=False)
    raw = create_key(kind="sk", name="server", scopes=["events:write"])[1]
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {raw}")
    return client


def lines() -> list[Line]:
    """Return the written lines, the oldest first."""
    tail.flush()
    return [line for _, line in ring.newest_first()][::-1]


def send(server: APIClient, *items: dict[str, Any]) -> None:
    """Send a batch."""
    assert server.post("/v1/batch", {"batch": list(items)}, format="json").status_code == 200


def test_a_kept_event_has_its_ids_and_payload(server: APIClient) -> None:
    send(server, {**VIEW, "userId": "ada", "anonymousId": "phone", "messageId": "m1", "context": YES})

    (kept,) = lines()
    assert (kept.verdict, kept.name, kept.message_id) == ("kept", "Product Viewed", "m1")
    assert kept.reason == "yes to analytics, yes to personalization"
    assert kept.subjects == (subject_pseudonym("user:ada"), subject_pseudonym("anonymous:phone"))
    assert orjson.loads(kept.payload)["properties"] == {"product_id": "P1"}
    assert kept.source.startswith("key:")
    assert abs(kept.at / 1000 - time.time()) < 60


def test_without_consent_there_is_a_name_and_no_more(server: APIClient) -> None:
    named = {**VIEW, "anonymousId": "cy", "properties": {"product_id": "secret"}}
    send(server, {**named, "context": NO}, {**named, "event": "Cy's own", "context": NO})

    discarded = [line for line in lines() if line.verdict == "discarded"]

    assert [(line.name, line.subjects, line.payload, line.message_id) for line in discarded] == [
        ("Product Viewed", (), "", ""),
        ("custom", (), "", ""),
    ]
    assert all(line.reason for line in discarded)
    decisions = [line for line in lines() if line.verdict == "consent"]
    assert {(line.reason, line.subjects) for line in decisions} == {
        ("no to analytics, no to personalization", (subject_pseudonym("anonymous:cy"),))
    }
    rows: Any = redis.client().xrange(ring.KEY)
    assert b"secret" not in b"".join(fields[b"b"] for _, fields in rows)


def test_an_event_that_waits_names_nobody_until_its_verdict(server: APIClient) -> None:
    send(server, {**VIEW, "anonymousId": "bo"})

    (waits,) = lines()
    assert (waits.verdict, waits.name, waits.subjects, waits.payload) == ("waiting", "Product Viewed", (), "")

    waiting.count_overdue(seconds_ahead=3_600)
    assert [(line.verdict, line.reason) for line in lines()][1:] == [("discarded", "not_asked")]


def test_a_rejected_item_has_its_reason(server: APIClient) -> None:
    sound = {**VIEW, "userId": "ada", "context": YES}
    send(server, sound, {"type": "track", "userId": "ada", "properties": {"product_id": "P1"}, "writeKey": "sk_x"})

    (rejected,) = (line for line in lines() if line.verdict == "rejected")
    assert rejected.reason.startswith("event: ")
    assert "P1" in rejected.payload
    assert "sk_x" not in rejected.payload


def test_the_recorder_names_duplicates(django_capture_on_commit_callbacks: Any) -> None:
    log = get_log()
    log.append([entry(event(1)), entry(event(2)), entry(event(1))])
    after = offsets(range(log.shards))

    with django_capture_on_commit_callbacks(execute=True):
        Recorder().record(log.read_many(after), after=after)

    (duplicate,) = lines()
    assert (duplicate.verdict, duplicate.message_id, duplicate.payload) == ("duplicate", "m1", "")
    assert duplicate.subjects == ("user:ada",)


def test_all_are_counted_and_a_share_is_shown(server: APIClient) -> None:
    for _ in range(3):
        tail.note_events([(event(number), entry(event(number))) for number in range(100)])

    shown = len(lines())

    counts = list(minutes.last_hour().values())
    totals = {name: sum(minute.get(name, 0) for minute in counts) for name in ("event:kept", "lines", "lines_shown")}
    assert totals == {"event:kept": 300, "lines": 300, "lines_shown": shown}
    assert 100 <= shown < 110


def test_a_large_payload_is_left_out() -> None:
    large = event(1, properties={"product_id": "P" * MAX_PAYLOAD})
    tail.note_events([(large, entry(large))])

    (line,) = lines()

    assert (line.payload, line.message_id) == ("", "m1")


def test_a_buffer_that_is_never_written_stays_small() -> None:
    for _ in range(MOST_LINES):
        tail._allowance.refill(time.monotonic() + 1e6)
        tail.note_events([(event(number), entry(event(number))) for number in range(3)])

    assert len(tail._lines) == MOST_LINES
    tail.forget()


def test_erasure_forgets_the_lines_of_a_person(server: APIClient) -> None:
    send(server, {**VIEW, "userId": "ada", "context": YES}, {**VIEW, "userId": "bo", "context": YES})
    send(server, {**VIEW, "userId": "bo", "context": YES}, {"type": "track", "userId": "ada", "properties": {}})
    before = len(lines())
    store = next(one for one in privacy.stores() if one.name == "event stream")
    ada = privacy.Person((subject_pseudonym("user:ada"),))
    assert ring.count_of(ada.subjects) == 2

    store.erase(ada)

    assert store.verify(ada) == 0
    assert ring.count_of(ada.subjects) == 0
    assert len(lines()) == before - 2


def test_the_ring_is_bounded_and_goes_after_an_hour() -> None:
    pipe = redis.client().pipeline()
    ring.queue_append(pipe, [Line(1, "kept", "x")] * (ring.MOST_LINES + 500))
    pipe.execute()

    assert ring.MOST_LINES <= redis.client().xlen(ring.KEY) < ring.MOST_LINES + 200
    assert 0 < redis.client().ttl(ring.KEY) <= ring.KEEP_SECONDS

    redis.client().delete(ring.KEY)
    redis.client().xadd(ring.KEY, {"b": Line(1, "kept", "old").encode()}, id="1-1")
    assert list(ring.newest_first()) == []


def test_a_cursor_reads_on() -> None:
    tail.note_events([(event(1), entry(event(1)))])
    tail.flush()
    cursor = ring.end()
    tail.note_events([(event(2), entry(event(2)))])
    tail.flush()

    assert [line.message_id for _, line in ring.after(cursor, limit=10)] == ["m2"]
    assert ring.after(ring.end(), limit=10) == []


def test_a_decision_through_the_api_is_a_line() -> None:
    client = APIClient(raise_request_exception=False)
    raw = create_key(kind="sk", name="server", scopes=["consents:read", "consents:write"])[1]
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {raw}")

    answer = client.put("/api/v1/consents/user:ada", {"decisions": {"analytics": False}}, format="json")

    assert answer.status_code == 200, answer.content
    assert [(line.verdict, line.reason, line.subjects, line.source) for line in lines()] == [
        ("consent", "no to analytics", (subject_pseudonym("user:ada"),), "consents")
    ]

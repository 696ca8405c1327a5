"""What is refused, with the exact code, a problem document that names the field, and nothing written."""

import gzip
import json
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any
from unittest import mock

import pytest
import redis
from django.db import OperationalError
from rest_framework.test import APIClient

from common.errors import Unavailable
from events.intake.limits import MAX_BODY, MAX_ITEMS

if TYPE_CHECKING:
    from tests.events.collect.conftest import LogReader

Maker = Callable[..., dict[str, Any]]


def bomb() -> bytes:
    """One gigabyte of spaces, packed: as members, so that making it is quick."""
    return gzip.compress(b" " * 10_000_000) * 100


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        (b"not json", 400, ""),
        (b"", 400, ""),
        (b"[]", 400, ""),
        (b'{"batch": [{"event": "x"}', 400, ""),
        (b'{"batch": [{"event": }]}', 400, ""),
        (b'{"batch": {}}', 400, "batch"),
        (b'{"batch": []}', 400, "batch"),
        (b'{"batch": [{"event": "x", "userId": "u"}], "batch": [{"event": "y", "userId": "u"}]}', 400, "batch"),
        (b'{"batch": [{"event": "x", "userId": "u", "a": NaN}], "batch": []}', 400, "batch"),
        (b'{"batch": [], "b\\u0061tch": [{"event": "y", "userId": "u"}]}', 400, "batch"),
        (b'{"batch": [{"type": "track", "event": " recommendation  served ", "userId": "u"}]}', 400, "batch.0.event"),
        (b'{"batch": [{"type": "track", "event": "x"}]}', 400, "batch.0.userId"),
        (b'{"batch": [{"type": "track", "anonymousId": "bo"}, 3]}', 400, "batch.0.event"),
        (b'{"batch": [{"type": "spy", "anonymousId": "bo"}]}', 400, "batch.0.type"),
        (b"\x1f\x8b not gzip", 400, ""),
        (gzip.compress(b'{"batch": []}', mtime=0)[:-9], 400, ""),
        (b'{"batch": [' + b"[" * 100_000 + b"]}", 400, ""),
        (gzip.compress(b"", mtime=0) * 17, 400, ""),
        (b" " * (MAX_BODY + 1), 413, None),
        (gzip.compress(b" " * (MAX_BODY + 1), mtime=0), 413, None),
        (b'{"batch": [' + b",".join([b"{}"] * (MAX_ITEMS + 1)) + b"]}", 413, None),
        (b'{"batch": [' + b",".join([b"NaN"] * (MAX_ITEMS + 1)) + b"]}", 413, None),
    ],
)
def test_a_bad_body_is_a_problem_and_writes_nothing(
    server: APIClient, log: "LogReader", body: bytes, status: int, field: str | None
) -> None:
    answer = server.post("/v1/batch", body, content_type="application/json")

    assert answer.status_code == status
    assert answer["Content-Type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == status
    if field is not None:
        assert problem["errors"][0]["field"] == field
    assert len(log) == 0


def test_a_gzip_bomb_is_never_unpacked(server: APIClient, log: "LogReader") -> None:
    unpacked = 0
    decompressobj = __import__("zlib").decompressobj

    def watched(window: int) -> Any:
        archive = decompressobj(window)

        class Watching:
            eof = property(lambda self: archive.eof)
            unused_data = property(lambda self: archive.unused_data)

            def decompress(self, data: bytes, room: int) -> bytes:
                nonlocal unpacked
                part: bytes = archive.decompress(data, room)
                unpacked += len(part)
                return part

        return Watching()

    with mock.patch("events.intake.unpack.zlib.decompressobj", watched):
        answer = server.post("/v1/batch", bomb(), content_type="application/json", HTTP_CONTENT_ENCODING="gzip")

    assert answer.status_code == 413
    assert unpacked <= MAX_BODY + 1
    assert len(log) == 0


@pytest.mark.parametrize("headers", [{}, {"HTTP_AUTHORIZATION": "Bearer pk_nobody"}, {"HTTP_AUTHORIZATION": "Basic !"}])
@pytest.mark.django_db
def test_an_unknown_key_is_401(log: "LogReader", viewed: Maker, headers: dict[str, Any]) -> None:
    answer = APIClient().post("/v1/t", json.dumps(viewed()), content_type="text/plain", **headers)

    assert answer.status_code == 401
    assert answer["Content-Type"] == "application/problem+json"
    assert len(log) == 0


def test_a_secret_key_on_a_page_and_a_foreign_page_are_403(log: "LogReader", viewed: Maker, server: APIClient) -> None:
    from access.services import create_key

    raw = create_key(kind="pk", name="pages", origins=["https://shop.example"])[1]
    body = json.dumps(viewed())

    on_page = server.post("/v1/t", body, content_type="text/plain", HTTP_ORIGIN="https://shop.example")
    foreign = APIClient().post(
        "/v1/t", body, content_type="text/plain", HTTP_ORIGIN="https://eve.example", HTTP_X_API_KEY=raw
    )

    assert (on_page.status_code, foreign.status_code) == (403, 403)
    assert len(log) == 0


def test_a_key_without_the_scope_is_403(log: "LogReader", viewed: Maker, db: None) -> None:
    from access.services import create_key

    raw = create_key(kind="sk", name="reader", scopes=["catalog:read"])[1]

    answer = APIClient().post("/v1/t", json.dumps(viewed()), content_type="text/plain", HTTP_X_API_KEY=raw)

    assert answer.status_code == 403
    assert len(log) == 0


@pytest.fixture
def no_keys_known() -> Iterator[None]:
    """A process that has just started."""
    from access.selectors import forget_keys

    forget_keys()
    yield
    forget_keys()


@pytest.mark.parametrize(
    ("part", "error"),
    [
        ("access.selectors._find", OperationalError("down")),
        ("events.services.collect.states_of_people", redis.ConnectionError("down")),
        ("events.log.redis_streams.RedisStreams.append", Unavailable("The event log is full.")),
    ],
)
def test_our_own_trouble_is_503_with_retry_after(
    server: APIClient, viewed: Maker, no_keys_known: None, part: str, error: Exception
) -> None:
    with mock.patch(part, side_effect=error):
        answer = server.post("/v1/batch", json.dumps({"batch": [viewed()]}), content_type="application/json")

    assert answer.status_code == 503
    assert int(answer["Retry-After"]) >= 1
    assert answer["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize("route", ["/v1/t", "/v1/batch", "/mp/collect"])
def test_too_many_requests_are_429_with_retry_after(
    server: APIClient, viewed: Maker, log: "LogReader", settings: Any, route: str
) -> None:
    settings.KEY_RATES = {"sk": "2/minute", "pk": "2/minute"}
    bodies = [
        {},
        {
            "batch": [viewed()],
            "events": [{"name": "login"}],
            "client_id": "c",
            "consent": {"ad_user_data": "GRANTED"},
            **viewed(),
        },
    ]

    answers = [server.post(route, json.dumps(body), content_type="text/plain") for body in (*bodies, bodies[1])]

    assert [answer.status_code for answer in answers][::2] == [400, 429], "a wrong event counts too"
    assert answers[1].status_code < 300
    assert 1 <= int(answers[2]["Retry-After"]) <= 60
    assert answers[2].json()["code"] == "429"
    assert len(log.events()) == 1


def raw_item(extra: str) -> bytes:
    """Return an item in its own spelling."""
    return f'{{"type":"track","event":"x","messageId":"bad","anonymousId":"bo",{extra}}}'.encode()


@pytest.mark.parametrize(
    ("bad", "reason", "field"),
    [
        (raw_item('"properties":{"price":NaN}'), "holds NaN or infinity", "properties.price"),
        (raw_item('"properties":{"price":-Infinity}'), "holds NaN or infinity", "properties.price"),
        (raw_item('"properties":{"price":1e999}'), "holds NaN or infinity", "properties.price"),
        (
            raw_item('"properties":{"products":[{"price":1},{"price":NaN}]}'),
            "holds NaN or infinity",
            "properties.products[1].price",
        ),
        (raw_item('"properties":{"name":"\\ud800"}'), "holds a broken text", "properties.name"),
        (raw_item('"properties":{"name":"\\u0000"}'), "holds a NUL character", "properties.name"),
        (
            raw_item('"properties":{"a":' + '{"a":' * 7 + "1" + "}" * 8),
            "is nested deeper than 8",
            "properties" + ".a" * 7,
        ),
        (raw_item('"properties":{"a":' + "[" * 2000 + "]" * 2000 + "}"), "is nested too deeply", ""),
        (raw_item('"properties":{"a":"' + "x" * 33_000 + '"}'), "is larger than 32768 bytes", ""),
        (b'{"type":"track","event":"x","messageId":"bad"}', "one of userId and anonymousId is needed", "userId"),
        (b'{"type":"track","event":"","anonymousId":"bo"}', "must be a non-empty string", "event"),
        (raw_item('"properties":[]'), "must be an object", "properties"),
        (raw_item('"timestamp":"yesterday"'), "must be an ISO 8601 time", "timestamp"),
        (b'{"type":"track","event":"x","userId":{}}', "must be a string", "userId"),
        (b'{"type":"alias","userId":"ada"}', "is needed on an alias", "previousId"),
        (b'"text"', "must be an object", ""),
        (
            b'{"type":"track","event":"Recommendation Served","anonymousId":"bo","properties":{}}',
            "is written by the server alone",
            "event",
        ),
        (
            b'{"type":"track","event":"Product Viewed","anonymousId":"bo","properties":{}}',
            "must be a non-empty string",
            "properties.product_id",
        ),
        (
            b'{"type":"track","event":"Order Completed","anonymousId":"bo","properties":'
            b'{"order_id":"o1","products":[{"product_id":"P1","price":-1}]}}',
            "must be a number from 0 to below 1e12",
            "properties.products[0].price",
        ),
        (
            b'{"type":"track","event":"Order Completed","anonymousId":"bo","properties":'
            b'{"order_id":"o1","products":[{"product_id":"P1","price":"1e999999999"}]}}',
            "must be a number from 0 to below 1e12",
            "properties.products[0].price",
        ),
    ],
)
def test_a_bad_item_in_a_good_batch_is_set_aside_with_its_reason(
    server: APIClient, log: "LogReader", viewed: Maker, bad: bytes, reason: str, field: str
) -> None:
    good = json.dumps(viewed()).encode()

    answer = server.post("/v1/batch", b'{"batch":[' + good + b"," + bad + b"]}", content_type="application/json")

    assert answer.status_code == 200
    assert answer.json() == {"success": True}
    assert log.event().message_id == "m1"
    (aside,) = log.set_aside()
    assert aside["reason"].startswith(reason)
    assert aside["field"] == field
    assert aside["payload"]
    assert len(aside["payload"]) <= 32 * 1024


def nested(depth: int) -> Any:
    """Return a list in a list, so many deep."""
    return json.loads("[" * depth + "]" * depth)


@pytest.mark.parametrize(
    ("shared", "field"),
    [
        ({"context": "x"}, "context"),
        ({"context": {"traits": {"about": "x" * 33_000}}}, "context"),
        ({"context": {"traits": {"a": nested(6)}}}, "context.traits.a.0.0.0.0.0"),
        ({"context": {"traits": {"a": nested(260)}}}, "context.traits.a.0.0.0.0.0"),
        ({"context": {"page": {"title": "\x00"}}}, "context.page.title"),
        ({"integrations": {"All": "x" * 33_000}}, "integrations"),
        (
            {"context": {"consent": {"categoryPreferences": {f"p{number}": True for number in range(65)}}}},
            "batch.0.context.consent.categoryPreferences",
        ),
    ],
)
def test_what_a_batch_says_for_all_items_is_held_to_what_an_item_may_say(
    server: APIClient, log: "LogReader", shared: dict[str, Any], field: str
) -> None:
    body = {"batch": [{"type": "identify", "anonymousId": "bo"}], **shared}

    answer = server.post("/v1/batch", json.dumps(body), content_type="application/json")

    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == field
    assert len(log) == 0


def test_an_identify_with_the_batch_s_traits_is_no_larger_than_an_item(
    server: APIClient, log: "LogReader", viewed: Maker
) -> None:
    large = {"type": "identify", "anonymousId": "bo", "traits": {"own": "x" * 20_000}}
    body = {"batch": [viewed(), large], "context": {"traits": {"shared": "x" * 20_000}}}

    answer = server.post("/v1/batch", json.dumps(body), content_type="application/json")

    assert answer.status_code == 200
    assert [(one["field"], one["reason"]) for one in log.set_aside()] == [("traits", "are larger than 32768 bytes")]
    assert log.event().message_id == "m1"


@pytest.mark.usefixtures("every_field_allowed")
def test_a_small_batch_cannot_fill_the_log_with_copies_of_what_its_items_share(
    server: APIClient, log: "LogReader"
) -> None:
    shared = {"traits": {"about": "x" * 30_000}, "consent": {"categoryPreferences": {"analytics": True}}}
    items = [{"type": "identify", "anonymousId": f"a{number}"} for number in range(300)]
    packed = gzip.compress(json.dumps({"batch": items, "context": shared}).encode())

    answer = server.post("/v1/batch", packed, content_type="application/json")

    assert len(packed) < 10_000
    assert answer.status_code == 413
    assert len(log) == 0


@pytest.mark.parametrize("broken", ["", ', "properties": {"price": NaN}'])
def test_what_is_set_aside_holds_no_key_and_no_proof(
    log: "LogReader", viewed: Maker, server: APIClient, server_key: str, broken: str
) -> None:
    proof = {"user_hash": "f00d" * 16}
    item = {"writeKey": server_key, "userId": "ada", "about": f"sent with {server_key}", "traits": proof}
    context = {"traits": proof, **proof, "ip": "203.0.113.9", "userAgent": "Moa/5.0"}
    bad = json.dumps({**item, "type": "identify", "timestamp": "bad", "context": context})[:-1] + broken + "}"

    body = '{"batch": [' + json.dumps(viewed()) + "," + bad + "]}"
    answer = server.post("/v1/batch", body, content_type="application/json")

    assert answer.status_code == 200
    (aside,) = log.set_aside()
    assert server_key[:14] in aside["payload"]
    assert all(secret not in aside["payload"] for secret in (server_key, "f00d", "203.0.113.9", "Moa/5.0"))


def test_what_is_set_aside_can_be_accepted_once_it_is_mended(
    server: APIClient, log: "LogReader", viewed: Maker
) -> None:
    from common.errors import InvalidInput
    from events.services.collect import replay

    bad = viewed("m2", properties={})
    server.post("/v1/batch", json.dumps({"batch": [viewed(), bad]}), content_type="application/json")
    (aside,) = log.set_aside()
    first_time = {
        **{name: aside[name] for name in ("source", "received_at")},
        "request_context": aside["carried"],
        "message_id": "aside",
    }

    with pytest.raises(InvalidInput):
        replay(aside["payload"], **first_time)
    mended = json.dumps({**bad, "properties": {"product_id": "P1"}})
    outcome = replay(mended, **first_time)

    assert outcome.stored == 1
    assert {event.message_id for event in log.events()} == {"m1", "m2"}
    assert {event.at for event in log.events() if event.message_id == "m2"} == {aside["received_at"]}


def test_an_event_of_unknown_name_is_kept(server: APIClient, log: "LogReader", viewed: Maker) -> None:
    server.post("/v1/t", json.dumps(viewed(event="Trumpet Blown")), content_type="text/plain")

    assert log.event().name == "Trumpet Blown"

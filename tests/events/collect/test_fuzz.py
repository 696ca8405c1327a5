"""No body whatever breaks a door: an answer of the contract, and a log that every reader can decode."""

import gzip
import json
from typing import TYPE_CHECKING, Any

from hypothesis import example, given, settings
from hypothesis import strategies as st
from rest_framework.test import APIClient

from events.types.base import Event
from events.types.orders import order_of
from events.types.registry import EVENT_TYPES, interactions

if TYPE_CHECKING:
    from tests.events.collect.conftest import LogReader

FUZZ = settings(max_examples=150)
ROUTES = ["/v1/batch", "/v1/t", "/v1/identify", "/v1/p", "/v1/s", "/v1/g", "/v1/alias"]

anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(alphabet=st.characters(codec=None), max_size=6)
    | st.sampled_from(["P1", "", "1e400", "\x00", "2026-01-01T00:00:00Z", "0000-00-00", "EUR"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
consent = st.fixed_dictionaries(
    {"categoryPreferences": st.dictionaries(st.sampled_from(["analytics", "personalization", "x"]), anything)}
)
context = st.dictionaries(st.sampled_from(["page", "traits", "location", "userAgent", "device", "ip"]), anything)
item = st.fixed_dictionaries(
    {"context": st.one_of(anything, context, st.builds(lambda a, b: {**a, "consent": b}, context, consent))},
    optional={
        "type": st.sampled_from(["track", "identify", "page", "screen", "group", "alias"]) | anything,
        "event": st.sampled_from(list(EVENT_TYPES)) | anything,
        "name": anything,
        "userId": st.sampled_from(["ada", 7]) | anything,
        "anonymousId": st.sampled_from(["bo", None]) | anything,
        "previousId": anything,
        "messageId": anything,
        "groupId": anything,
        "properties": st.dictionaries(
            st.sampled_from(["product_id", "products", "order_id", "price", "quantity", "rating"]), anything
        )
        | anything,
        "traits": anything,
        "timestamp": anything,
        "originalTimestamp": anything,
        "sentAt": anything,
        "integrations": anything,
    },
)
batch = st.fixed_dictionaries(
    {"batch": st.lists(item, max_size=4) | anything},
    optional={"context": anything, "sentAt": anything, "integrations": anything, "writeKey": anything},
)


def check(answer: Any, log: "LogReader") -> None:
    assert answer.status_code in (200, 204, 400, 401, 413), answer.content
    if answer.status_code >= 400:
        assert answer["Content-Type"] == "application/problem+json"
        json.loads(answer.content)
    for event in log.events():
        assert Event.decode(event.encode()) == event
        assert event.user_id or event.anonymous_id
        interactions(event, currency="EUR")
        order_of(event)
    assert all(isinstance(one["payload"], str) for one in log.set_aside())


@FUZZ
@given(st.sampled_from(ROUTES), batch | item | anything)
@example("/v1/batch", {"batch": [{"type": [], "userId": "ada"}, {"type": {}, "userId": "ada"}]})
@example("/v1/batch", {"batch": [{"type": "track", "event": "x", "userId": "ada", "timestamp": 1e308}]})
@example("/v1/batch", {"batch": [{"type": "track", "event": "x", "userId": "ada", "timestamp": "0001-01-01"}]})
def test_any_json(server: APIClient, log: "LogReader", route: str, body: Any) -> None:
    text = json.dumps(body).encode("utf-8", "surrogatepass")

    check(server.post(route, text, content_type="text/plain"), log)


@FUZZ
@given(
    st.dictionaries(
        st.sampled_from(["client_id", "user_id", "consent", "timestamp_micros", "user_properties"]), anything
    ),
    st.lists(
        st.fixed_dictionaries(
            {"name": st.sampled_from(["view_item", "purchase", "x"]) | anything},
            optional={
                "params": st.dictionaries(st.sampled_from(["items", "transaction_id", "value"]), anything) | anything,
                "timestamp_micros": anything,
            },
        )
        | anything,
        max_size=3,
    )
    | anything,
)
def test_any_measurement(server_key: str, log: "LogReader", fields: dict[str, Any], events: Any) -> None:
    text = json.dumps({"client_id": "bo", **fields, "events": events}).encode("utf-8", "surrogatepass")

    check(APIClient().post(f"/mp/collect?api_secret={server_key}", text, content_type="text/plain"), log)


@FUZZ
@given(st.binary(max_size=80), st.booleans(), st.sampled_from([b"", b'{"batch":[', b'{"batch":[{"type":', b"\x1f\x8b"]))
def test_any_bytes(server: APIClient, log: "LogReader", tail: bytes, packed: bool, head: bytes) -> None:
    body = gzip.compress(head + tail) if packed else head + tail

    check(server.post("/v1/b", body, content_type="application/json"), log)

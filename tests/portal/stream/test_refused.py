"""Refused requests stand in the stream with route, status and problem; whole keys, bodies and ids nowhere."""

from typing import Any

import pytest
from django.test import Client

from access.selectors import forget_keys
from access.services import create_key
from common import clock, redis
from events.stream import refusals, ring
from events.stream.line import Line
from events.stream.refusals import Refusal
from events.stream.tail import tail

pytestmark = pytest.mark.django_db
PAGE_KEY = "pk_0123456789_" + "x" * 43


@pytest.fixture(autouse=True)
def no_cached_keys() -> None:
    """Forget the keys of other tests."""
    forget_keys()


def refused_lines() -> list[Line]:
    """Return the written lines of refused requests, the oldest first, after a look for whole keys."""
    tail.flush()
    rows: Any = redis.client().xrange(ring.KEY)
    assert all(PAGE_KEY.encode() not in fields[b"b"] for _, fields in rows)
    return [line for _, line in ring.newest_first() if line.verdict == "refused"][::-1]


def groups() -> dict[Refusal, int]:
    """Return today's groups."""
    return dict(refusals.of_day(clock.now().date()))


def post(client: Client, path: str, body: Any, **headers: str) -> int:
    """Post JSON and return the status."""
    answer = client.post(path, body, content_type="application/json", headers=headers)
    return answer.status_code


def test_an_unknown_key_is_masked(client: Client) -> None:
    statuses = [post(client, "/v1/track", {"event": "x", "writeKey": PAGE_KEY}) for _ in range(2)]
    statuses.append(post(client, "/v1/track", {"event": "x"}, Authorization=f"Bearer {PAGE_KEY}"))

    lines = refused_lines()

    assert statuses == [401] * 3
    assert {(one.source, one.status, one.route, one.name) for one in lines} == {
        ("pk_0123456789_…", 401, "/v1/track", "POST /v1/track")
    }
    assert [(group.problem, count) for group, count in groups().items()] == [("Unknown API key.", 3)]


def test_what_is_no_key_is_not_shown(client: Client) -> None:
    post(client, "/v1/track", {"event": "x", "writeKey": "my password"})
    post(client, "/v1/track", {"event": "x"})

    post(client, "/v1/track", {"event": "x", "writeKey": f"my password {PAGE_KEY}"})
    post(client, "/v1/track", {"event": "x", "writeKey": 7})

    sources = [line.source for line in refused_lines()]

    assert sources == ["no key of ours", "no key", "no key of ours", "no key"]


def test_a_foreign_origin_and_a_bad_body_name_the_key(client: Client) -> None:
    key, raw = create_key(kind="pk", name="pages", origins=["https://shop.example"])

    statuses = [
        post(client, "/v1/track", {"event": "x", "writeKey": raw}, Origin="https://evil.example"),
        post(client, "/v1/track", {"writeKey": raw}, Origin="https://shop.example"),
        post(client, "/v1/batch", {"batch": [{}, {}], "writeKey": raw}, Origin="https://shop.example"),
    ]

    foreign, bad, batch = refused_lines()
    assert statuses == [403, 400, 400]
    assert foreign.origin == "https://evil.example"
    assert [one.source for one in (foreign, bad, batch)][1:] == [f"key:{key.pk}"] * 2
    assert batch.reason.startswith("No event of the request is sound. batch.N.")


def test_a_problem_loses_what_names_a_shopper() -> None:
    refusal = Refusal.of(
        source="key:1",
        status=400,
        route="/x",
        problem=f"user:ada of ada@shop.example with {PAGE_KEY} in batch.17.event",
        origin="",
    )

    assert refusal.problem == "… of … with pk_0123456789_… in batch.N.event"


def test_a_path_is_shown_where_it_can_hold_no_id(client: Client) -> None:
    post(client, "/v1/tracks", {})
    post(client, "/v1/customers/ada", {})
    client.get("/admin/nothing")
    client.get("/shop/nothing")

    assert [line.route for line in refused_lines()] == ["/v1/tracks", "/unknown"]


def test_an_origin_that_is_no_text_is_printable(client: Client) -> None:
    tail.note_refusal(Refusal.of(source="no key", status=401, route="/x", problem="no", origin="\ud800"), method="GET")

    assert [line.origin for line in refused_lines()] == ["?"]


def test_groups_of_a_day_are_bounded() -> None:
    for start in range(0, refusals.MOST_GROUPS + 100, 100):
        refusals.add(
            {
                Refusal.of(source="", status=401, route="/v1", problem=f"no {number}", origin=""): 1
                for number in range(start, start + 100)
            }
        )

    first, *rest = refusals.of_day(clock.now().date())
    assert (first[0].problem, first[1]) == ("of further kinds", 100)
    assert len(rest) == refusals.MOST_GROUPS

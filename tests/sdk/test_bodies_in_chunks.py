"""What comes in chunks, without a length, is read like any other body, by the server that serves in production."""

import json
from collections.abc import Callable, Iterator
from contextlib import closing
from http.client import HTTPConnection
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from config.request_bodies import MAX_BYTES
from tests.sdk.conftest import CONSENT, Shop

if TYPE_CHECKING:
    from events.types.base import Event


def post(shop: Shop, path: str, parts: Iterator[bytes]) -> tuple[int, Any]:
    """Return status and body of what a request in chunks is answered."""
    headers = {"Authorization": f"Bearer {shop.key}", "Content-Type": "application/json", "Connection": "close"}
    with closing(HTTPConnection(urlsplit(shop.host).netloc, timeout=20)) as server:
        server.request("POST", path, parts, headers, encode_chunked=True)
        answer = server.getresponse()
        return answer.status, json.loads(answer.read())


def test_events_arrive(shop: Shop, logged: Callable[[], dict[str, "Event"]]) -> None:
    item = {"userId": "ada", "event": "Product Viewed", "properties": {"product_id": "P1"}, "context": CONSENT}
    body = json.dumps(item).encode()

    status, answer = post(shop, "/v1/track", iter([body[:20], body[20:]]))

    assert (status, answer) == (200, {"success": True})
    assert logged()["Product Viewed"].properties["product_id"] == "P1"


def test_a_question_is_read(shop: Shop) -> None:
    status, answer = post(shop, "/api/v1/recommendations/home", iter([b'{"limit": ', b'"many"}']))

    assert status == 400
    assert answer["errors"][0]["field"] == "limit"


@pytest.mark.parametrize("path", ["/v1/batch", "/api/v1/recommendations/home"])
def test_a_body_that_is_too_large_is_refused(shop: Shop, path: str) -> None:
    status, _ = post(shop, path, (b" " * (1 << 20) for _ in range((MAX_BYTES >> 20) + 1)))

    assert status == 413

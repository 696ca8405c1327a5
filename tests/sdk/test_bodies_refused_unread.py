"""Who is refused before their body was read still hears why, from the server that serves in production."""

from contextlib import closing
from http.client import HTTPConnection
from urllib.parse import urlsplit

import pytest

from events.intake.limits import MAX_BODY
from tests.sdk.conftest import Shop


@pytest.mark.parametrize(("key", "status"), [(None, 413), ("pk_nobody", 401)])
def test_a_large_batch_is_answered_not_hung_up_on(shop: Shop, key: str | None, status: int) -> None:
    with closing(HTTPConnection(urlsplit(shop.host).netloc, timeout=20)) as server:
        server.request("POST", "/v1/batch", b"x" * (MAX_BODY * 2), {"X-API-Key": key or shop.key})

        assert server.getresponse().status == status


def test_the_next_request_of_the_same_connection_is_answered(shop: Shop) -> None:
    with closing(HTTPConnection(urlsplit(shop.host).netloc, timeout=20)) as server:
        for path, status in (("/v1/batch", 413), ("/v1/m", 200)):
            server.request("POST", path, b"x" * (MAX_BODY + 1), {"X-API-Key": shop.key})
            answer = server.getresponse()
            answer.read()

            assert (path, answer.status) == (path, status)

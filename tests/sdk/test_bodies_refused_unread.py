"""Who is refused before their body was read still hears why, from the server that serves in production."""

from contextlib import closing
from http.client import HTTPConnection
from io import BytesIO
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.db import connection

from config.request_bodies import read_to_the_end
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


class Body(BytesIO):
    """A body that notes, each time it is read, whether its reader holds a connection to the database."""

    def __init__(self, content: bytes) -> None:
        super().__init__(content)
        self.connected: list[bool] = []

    def read(self, size: int | None = -1) -> bytes:
        """Return the next bytes."""
        self.connected.append(connection.connection is not None)
        return super().read(size)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("taken", "expected"), [(0, [False]), (1, [True, False]), (3, [True])])
def test_who_goes_on_sending_holds_no_connection_to_the_database(taken: int, expected: list[bool]) -> None:
    def refusing(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        connection.ensure_connection()
        if taken:
            environ["wsgi.input"].read(taken)
        return [b"no"]

    body = Body(b"abc")
    answer = read_to_the_end(refusing)({"CONTENT_LENGTH": "3", "wsgi.input": body}, None)  # type: ignore[arg-type]

    assert (answer, body.connected, body.tell()) == ([b"no"], expected, 3)
    assert (connection.connection is not None) is (taken == 3)

"""One client of a process, and a clean Redis for each test."""

import contextlib
import socket

import pytest
from redis.exceptions import TimeoutError as Unanswered

from common import redis as stores


def test_the_client_is_shared() -> None:
    assert stores.client() is stores.client()


def test_a_test_starts_with_an_empty_redis() -> None:
    client = stores.client()

    assert client.dbsize() == 0

    client.set("left", b"behind")


def test_another_test_starts_with_an_empty_redis_too() -> None:
    client = stores.client()

    assert client.dbsize() == 0

    client.set("left", b"behind")


def test_a_store_that_hangs_is_asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stores, "ANSWER_SECONDS", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as hung:  # takes connections, and answers nobody
        client = stores.connect(f"redis://127.0.0.1:{hung.getsockname()[1]}/0")

        with pytest.raises(Unanswered):
            client.ping()

        hung.setblocking(False)
        tries = 0
        with contextlib.suppress(BlockingIOError):
            while True:
                hung.accept()[0].close()
                tries += 1
    assert tries == 1

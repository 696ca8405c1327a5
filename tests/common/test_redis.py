"""One client of a process, and a clean Redis for each test."""

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

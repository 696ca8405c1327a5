"""Limits: counted by key, by client for publishable keys, exactly, and open while Redis is down."""

import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from rest_framework.test import APIClient

from access import throttles
from access.keys import KeyRecord
from access.services import create_key
from common.redis import connect
from embedded import ports
from embedded.valkey import Valkey


def key(id: int, kind: Any = "sk") -> KeyRecord:
    return KeyRecord(id, kind, "k", frozenset(), (), "s", False)


@pytest.fixture(autouse=True)
def five_a_minute(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Allow five requests a minute, and forget that Redis ever failed."""
    settings.KEY_RATES = {"sk": "5/minute", "pk": "5/minute"}
    monkeypatch.setattr(throttles.cooldown, "until", 0.0)


@pytest.mark.django_db
def test_the_sixth_request_is_answered_429_with_retry_after() -> None:
    _, raw = create_key(kind="sk", name="server", scopes=["catalog:read"])
    client = APIClient(headers={"authorization": f"Bearer {raw}"})

    answers = [client.get("/api/v1/products/P1") for _ in range(6)]

    assert [answer.status_code for answer in answers] == [404] * 5 + [429]
    assert answers[5]["Content-Type"] == "application/problem+json"
    assert 1 <= int(answers[5]["Retry-After"]) <= 60


def test_of_many_at_once_exactly_the_allowance_passes() -> None:
    with ThreadPoolExecutor(8) as pool:
        waits = list(pool.map(lambda _: throttles.count_request(key(1), client="x").wait, range(40)))

    assert waits.count(0.0) == 5


def test_a_shoppers_haste_does_not_stop_another_shopper() -> None:
    for _ in range(6):
        throttles.count_request(key(2, "pk"), client="192.0.2.1")

    assert throttles.count_request(key(2, "pk"), client="192.0.2.1").wait > 0
    assert throttles.count_request(key(2, "pk"), client="192.0.2.2").wait == 0
    assert throttles.count_request(key(3, "pk"), client="192.0.2.1").wait == 0


def test_without_redis_nobody_waits(settings: Any, caplog: pytest.LogCaptureFixture) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"

    waits = [throttles.count_request(key(4), client="x").wait for _ in range(20)]

    assert waits == [0.0] * 20
    assert caplog.text.count("throttle.open") == 1


@pytest.fixture
def durable(tmp_path: Path) -> Iterator[Valkey]:
    """Yield a running server that syncs each write, as in production."""
    server = Valkey(tmp_path, port=ports.pick(), password="secret")
    server.prepare()
    process = subprocess.Popen(server.command(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 20
        while not server.ready():
            assert time.monotonic() < deadline
            time.sleep(0.02)
        yield server
    finally:
        process.terminate()
        process.wait()


def test_a_count_waits_for_no_disk(settings: Any, durable: Valkey) -> None:
    settings.REDIS_URL = durable.url
    client = connect(durable.url)
    before = client.info("persistence")["aof_current_size"]

    waits = [throttles.count_request(key(5), client="x").wait for _ in range(6)]

    assert waits[:5] == [0.0] * 5
    assert waits[5] > 0
    assert client.info("persistence")["aof_current_size"] == before


def test_what_the_store_writes_is_for_its_own_user_alone(durable: Valkey) -> None:
    files = [path for path in durable.data.rglob("*") if path.is_file()]

    assert any("aof" in path.name for path in files)
    assert {oct(path.stat().st_mode & 0o777) for path in files} == {"0o600"}

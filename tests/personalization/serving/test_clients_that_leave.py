"""Clients that leave before their answer keep nothing of the server: responses and database connections are closed."""

import gc
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from django.core.signals import request_finished
from django.db import close_old_connections, connection
from django.db.backends.signals import connection_created
from django.http import HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase

from common import postgres
from config.response_bodies import WHOLE_BYTES, closed_always
from embedded import procfile
from tests.workers import ROOT, WORKERS, serving

CLIENTS, BURST_SECONDS, PATIENCE_SECONDS = 300, 8.0, 0.3
COMMAND = procfile.read(ROOT / "Procfile")["web"]
THREADS = int(COMMAND[COMMAND.index("--blocking-threads") + 1])
OWN = 4
"""Connections that a worker may open beside its threads: refresh, stand-by model, exposures, sampled gauges."""


class Answer:
    """A WSGI application that answers as it is told, and knows which responses are closed."""

    def __init__(self) -> None:
        self.next: HttpResponseBase = HttpResponse()
        self.closed: list[str] = []

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        return self.next

    def give(self, response: Any, name: str) -> None:
        response._resource_closers.append(lambda: self.closed.append(name))
        self.next = response


@pytest.fixture
def answer() -> Iterator[Answer]:
    """Return what the server is to answer. Its end looks at no database, which these tests may not use."""
    request_finished.disconnect(close_old_connections)
    yield Answer()
    request_finished.connect(close_old_connections)


def parts(count: int) -> Iterator[bytes]:
    for _ in range(count):
        yield b"x" * 1000


def test_a_whole_answer_is_closed_before_the_server_has_it(answer: Answer) -> None:
    answer.give(HttpResponse(b"hello"), "page")

    body = closed_always(answer)({}, print)

    assert (body, answer.closed) == ([b"hello"], ["page"])


def test_a_small_file_is_handed_over_whole_and_a_large_one_in_parts(answer: Answer) -> None:
    answer.give(StreamingHttpResponse(parts(3), headers={"Content-Length": "3000"}), "small")
    small = closed_always(answer)({}, print)
    answer.give(StreamingHttpResponse(parts(3), headers={"Content-Length": str(WHOLE_BYTES + 1)}), "large")
    large = closed_always(answer)({}, print)

    assert small == [b"x" * 3000]
    assert answer.closed == ["small"]
    assert list(large) == [b"x" * 1000] * 3
    assert answer.closed == ["small", "large"]


def test_a_stream_whose_client_left_is_closed_by_the_next_request_of_its_thread(answer: Answer) -> None:
    answer.give(StreamingHttpResponse(parts(9)), "stream")
    left = closed_always(answer)({}, print)  # the server keeps it for ever
    next(iter(left))
    before = list(answer.closed)

    answer.give(HttpResponse(b"hello"), "page")
    closed_always(answer)({}, print)

    assert (before, answer.closed) == ([], ["stream", "page"])
    assert list(left) == [], "its parts ended with it"


def test_a_stream_whose_client_left_is_closed_with_its_thread(answer: Answer) -> None:
    answer.give(StreamingHttpResponse(parts(9)), "stream")
    left: list[Any] = []
    thread = threading.Thread(target=lambda: left.append(closed_always(answer)({}, print)))

    thread.start()
    thread.join()

    assert answer.closed == ["stream"]


def test_a_stream_that_fails_is_closed(answer: Answer) -> None:
    def failing() -> Iterator[bytes]:
        yield b"x"
        raise ValueError("no more")

    answer.give(StreamingHttpResponse(failing()), "stream")
    body = closed_always(answer)({}, print)

    with pytest.raises(ValueError, match="no more"):
        list(body)

    assert answer.closed == ["stream"]


def in_database() -> int:
    """Return how many connections this test's database has."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()")
        return int(cursor.fetchone()[0])


def within(seconds: float, most: int) -> int:
    """Return the connections as soon as they are at most so many, or at last."""
    deadline = time.monotonic() + seconds
    while (count := in_database()) > most and time.monotonic() < deadline:
        time.sleep(0.05)
    return count


@pytest.fixture
def close_with_thread() -> Iterator[None]:
    """Close connections with their threads, as a web worker does."""
    connection_created.connect(postgres.close_with_thread)
    yield
    connection_created.disconnect(postgres.close_with_thread)


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("close_with_thread")
def test_a_connection_ends_with_its_thread_and_waits_for_no_garbage_collection() -> None:
    before = in_database()
    gc.disable()
    try:
        threads = [threading.Thread(target=in_database) for _ in range(5)]
        for thread in threads:
            thread.start()
            thread.join()

        assert within(5, before) == before
    finally:
        gc.enable()


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("close_with_thread")
def test_a_thread_may_have_two_connections() -> None:
    connection.close()
    first, second = in_database(), connection.copy()

    with second.cursor() as cursor:
        cursor.execute("SELECT 1")

    assert in_database() == first + 1
    second.close()


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("stocked_shop")
def test_three_hundred_clients_that_leave_leave_no_connections(
    process_environment: dict[str, str], tmp_path: Path
) -> None:
    with serving({**process_environment, "MODEL_DIR": str(tmp_path)}) as workers:
        port = next(iter(workers.connections.values())).port
        before = in_database()
        counts: list[int] = []
        until = time.monotonic() + BURST_SECONDS

        with ThreadPoolExecutor(CLIENTS) as pool:
            clients = [pool.submit(leave, port, workers.key, until=until) for _ in range(CLIENTS)]
            while time.monotonic() < until:
                counts.append(in_database())
                time.sleep(0.2)
        asked = sum(client.result() for client in clients)

        assert asked > CLIENTS
        assert max(counts) <= before + WORKERS * (THREADS + OWN)
        assert all(answer["items"] for _, answer in workers.answers())


def leave(port: int, key: str, *, until: float) -> int:
    """Ask again and again for what needs the database, and hang up at once or soon; return how often."""
    count = 0
    request = f"GET /readyz HTTP/1.1\r\nHost: shop\r\nAuthorization: Bearer {key}\r\n\r\n".encode()
    while time.monotonic() < until:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_SECONDS) as client:
                client.sendall(request)
                client.recv(100 if count % 2 else 1)
        except OSError:
            pass  # it was not served in this time
        count += 1
    return count

"""A PostgreSQL that hangs is not waited for, where a request can do without."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

import psycopg2
import pytest
from django.db import InterfaceError, OperationalError, connection, transaction
from django.db.backends.signals import connection_created
from psycopg2.extensions import set_wait_callback

from common import postgres
from tests.workers import serving


class Wire:
    """A line to the test's PostgreSQL, which can be frozen: what is connected stays so, and nothing comes through."""

    def __init__(self) -> None:
        given = connection.get_connection_params()
        self.frozen, self.target = threading.Event(), (given["host"], int(given["port"]))
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self.listening.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self.listening.accept()
                far = socket.create_connection(self.target)
                for one, other in ((near, far), (far, near)):
                    threading.Thread(target=self._pump, args=(one, other), daemon=True).start()

    def _pump(self, one: socket.socket, other: socket.socket) -> None:
        with one, other, suppress(OSError):
            while piece := one.recv(65536):
                if not self.frozen.is_set():
                    other.sendall(piece)


@pytest.fixture
def wire(transactional_db: None) -> Iterator[Wire]:
    """Return a line to the test's PostgreSQL."""
    line = Wire()
    yield line
    line.listening.close()


@pytest.fixture
def limited() -> Iterator[None]:
    """Have this process's queries mind limits, as those of a door do."""
    receivers = list(connection_created.receivers)
    postgres.limit_waiting()
    yield
    set_wait_callback(None)
    connection_created.receivers[:] = receivers
    connection_created.sender_receivers_cache.clear()


def opened(line: Wire) -> Any:
    """Return a connection over the line."""
    given = connection.get_connection_params()
    return psycopg2.connect(
        host="127.0.0.1", port=line.port, user=given["user"], password=given["password"], dbname=given["dbname"]
    )


@pytest.mark.usefixtures("limited")
def test_a_query_without_a_word_is_given_up_and_its_connection_closed(wire: Wire) -> None:
    over = opened(wire)
    cursor = over.cursor()
    cursor.execute("SELECT 1")
    wire.frozen.set()
    start = time.monotonic()

    with (
        pytest.raises(psycopg2.OperationalError, match=r"did not answer within 0\.3 seconds"),
        postgres.time_limit(0.3),
    ):
        cursor.execute("SELECT 2")

    assert time.monotonic() - start < 2
    assert over.closed


@pytest.mark.usefixtures("limited")
def test_a_connection_is_given_up_also_where_nobody_asked_for_a_limit(
    wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres, "CONNECT_SECONDS", 0.4)
    wire.frozen.set()

    with (
        pytest.raises(psycopg2.OperationalError, match=r"did not answer within 0\.3 seconds"),
        postgres.time_limit(0.3),
    ):
        opened(wire)
    with pytest.raises(psycopg2.OperationalError, match=r"did not answer within 0\.4 seconds"):
        opened(wire)


@pytest.mark.usefixtures("limited")
def test_queries_outside_and_of_other_threads_have_no_limit(wire: Wire) -> None:
    over = opened(wire)
    with postgres.time_limit(0.1):
        elsewhere = threading.Thread(target=over.cursor().execute, args=("SELECT pg_sleep(0.3)",))
        elsewhere.start()
        elsewhere.join()
    cursor = over.cursor()

    cursor.execute("SELECT pg_sleep(0.3), 7")

    assert cursor.fetchone()[1] == 7


@pytest.mark.usefixtures("limited", "transactional_db")
def test_what_a_request_asks_after_a_question_that_was_given_up_is_answered() -> None:
    with pytest.raises(OperationalError), postgres.time_limit(0.2), connection.cursor() as cursor:
        cursor.execute("SELECT pg_sleep(1)")

    with connection.cursor() as cursor:
        cursor.execute("SELECT 7")
        assert cursor.fetchone() == (7,)


@pytest.mark.usefixtures("limited", "transactional_db")
def test_the_server_gives_up_too_what_nobody_waits_for() -> None:
    connection.close()  # it may be of before the limits
    with pytest.raises(OperationalError), postgres.time_limit(0.2), connection.cursor() as cursor:
        cursor.execute("SELECT pg_sleep(60)")
    deadline = time.monotonic() + 30

    with connection.cursor() as cursor:
        while True:
            cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(60)'")
            if cursor.fetchone() == (0,):
                return
            assert time.monotonic() < deadline
            time.sleep(0.1)


@pytest.mark.usefixtures("limited", "transactional_db")
def test_what_was_begun_before_a_question_that_was_given_up_is_not_gone_on_with() -> None:
    @transaction.atomic
    def begun() -> None:
        with suppress(OperationalError), postgres.time_limit(0.2), connection.cursor() as cursor:
            cursor.execute("SELECT pg_sleep(1)")
        connection.cursor()

    with pytest.raises(InterfaceError):
        begun()


def test_of_brief_questions_one_at_a_time_asks_whether_the_database_is_back(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, attempts = [100.0], list[float]()
    monkeypatch.setattr("common.cooldown.time.monotonic", lambda: clock[0])

    def ask(*, alive: bool = False) -> None:
        with postgres.optional_query():
            attempts.append(clock[0])
            if alive:
                return
            if len(attempts) == 2:
                with pytest.raises(OperationalError):  # another one's, meanwhile
                    ask()
            raise OperationalError("gone")

    for clock[0] in (100.0, 101.0, 103.9, 104.1, 108.0):
        with pytest.raises(OperationalError):
            ask()
    assert attempts == [100.0, 104.1]

    clock[0] = 108.2
    ask(alive=True)
    ask(alive=True)
    assert attempts == [100.0, 104.1, 108.2, 108.2]


@pytest.mark.slow
def test_answers_go_on_while_postgresql_hangs(wire: Wire, process_environment: dict[str, str]) -> None:
    parts = urlsplit(process_environment["DATABASE_URL"])
    over = parts._replace(netloc=f"{parts.username}:{parts.password}@127.0.0.1:{wire.port}").geturl()
    with serving({**process_environment, "DATABASE_URL": over}) as workers:
        list(workers.answers())
        wire.frozen.set()
        start, answered, slow = time.monotonic(), 0, 0
        while (
            time.monotonic() - start < 3 * postgres.BRIEF_SECONDS
        ):  # so that keys, terms and rules are asked for again
            begun = time.monotonic()
            answered += len(list(workers.answers()))  # each with status 200
            slow += time.monotonic() - begun > 0.5
            time.sleep(0.05)

    assert slow, "nobody asked PostgreSQL"
    assert slow < answered / 4

"""A PostgreSQL that hangs is not waited for, where a request says so."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import psycopg2
import pytest
from django.db import connection
from psycopg2.extensions import set_wait_callback

from common import postgres

pytestmark = pytest.mark.django_db


class Wire:
    """A line to the test's PostgreSQL, which can be held."""

    def __init__(self, host: str, port: int) -> None:
        self.held, self.target = threading.Event(), (host, port)
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self.listening.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self.listening.accept()
            except OSError:
                return
            far = socket.create_connection(self.target)
            for one, other in ((near, far), (far, near)):
                threading.Thread(target=self._pump, args=(one, other), daemon=True).start()

    def _pump(self, one: socket.socket, other: socket.socket) -> None:
        with one, other, suppress(OSError):
            while not self.held.is_set() and (piece := one.recv(65536)):
                if not self.held.is_set():
                    other.sendall(piece)
            if self.held.is_set():
                threading.Event().wait(5)  # open, and silent


@pytest.fixture
def wire() -> Iterator[Wire]:
    """Return a line, in a process whose queries mind limits."""
    given = connection.get_connection_params()
    line = Wire(given["host"], int(given["port"]))
    postgres.wait_with_limits()
    yield line
    set_wait_callback(None)
    line.listening.close()


def opened(line: Wire) -> Any:
    """Return a connection over the line."""
    given = connection.get_connection_params()
    return psycopg2.connect(
        host="127.0.0.1", port=line.port, user=given["user"], password=given["password"], dbname=given["dbname"]
    )


def test_a_query_without_a_word_is_given_up_and_its_connection_closed(wire: Wire) -> None:
    over = opened(wire)
    cursor = over.cursor()
    cursor.execute("SELECT 1")
    wire.held.set()
    start = time.monotonic()

    with pytest.raises(psycopg2.OperationalError, match="did not answer within"), postgres.within(0.3):
        cursor.execute("SELECT 2")

    assert time.monotonic() - start < 2
    assert over.closed


def test_a_connection_without_a_word_is_given_up(wire: Wire) -> None:
    wire.held.set()

    with pytest.raises(psycopg2.OperationalError, match="did not answer within"), postgres.within(0.3):
        opened(wire)


def test_queries_outside_and_of_other_threads_have_no_limit(wire: Wire) -> None:
    over = opened(wire)
    with postgres.within(0.1):
        elsewhere = threading.Thread(target=over.cursor().execute, args=("SELECT pg_sleep(0.3)",))
        elsewhere.start()
        elsewhere.join()
    cursor = over.cursor()

    cursor.execute("SELECT pg_sleep(0.3), 7")

    assert cursor.fetchone()[1] == 7

"""Time limits for PostgreSQL. A dead server refuses at once, but one that hangs would block a request forever."""

import select
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any
from weakref import WeakKeyDictionary

import psycopg2
from django.db import DEFAULT_DB_ALIAS, DataError, InterfaceError, OperationalError, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created
from psycopg2.extensions import POLL_OK, POLL_READ, STATUS_SETUP, connection, set_wait_callback

from common.cooldown import Cooldown
from common.threads import CloseOnRelease

CONNECT_SECONDS = 3.0
BRIEF_SECONDS = 2.0
cooldown = Cooldown(2 * BRIEF_SECONDS)
_thread_limit = threading.local()


def limit_waiting() -> None:
    """Apply time limits to this process's queries. psycopg2 then has no COPY, so only web processes do so, not jobs."""
    set_wait_callback(_wait_for_server)
    connection_created.connect(_check_client_connection)
    connection_created.connect(close_with_thread)


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Abort queries of this thread whose next answer takes longer: OperationalError, and the connection is closed.

    The next query opens a new connection, except inside a transaction, which is lost.
    """
    before = _limit()
    _thread_limit.seconds = seconds
    try:
        yield
    finally:
        _thread_limit.seconds = before
        ours = connections[DEFAULT_DB_ALIAS]
        if ours.connection is not None and ours.connection.closed and not ours.in_atomic_block:
            ours.close()


@contextmanager
def optional_query() -> Iterator[None]:
    """Run a query that the request can do without: it waits two seconds at most, and not at all during the cooldown.

    While the database is down, one request every few seconds tries again. Raises OperationalError or InterfaceError.
    """
    if cooldown.active():
        raise OperationalError("PostgreSQL did not answer lately")
    if cooldown.pending():
        cooldown.start()
    try:
        with time_limit(BRIEF_SECONDS):
            yield
    except (OperationalError, InterfaceError):
        cooldown.start()
        raise
    cooldown.clear()


def close_with_thread(connection: BaseDatabaseWrapper, **more: Any) -> None:
    """Close a connection when its thread ends: Django's record of it is a cycle, which may be collected hours later."""
    owners = _thread_limit.__dict__.setdefault("owners", WeakKeyDictionary())
    owners[connection] = CloseOnRelease(connection.connection.close)


def _limit() -> float | None:
    return getattr(_thread_limit, "seconds", None)


def _check_client_connection(connection: BaseDatabaseWrapper, **more: Any) -> None:
    """Set the server's check of client connections: an abandoned query on a lock would keep its connection."""
    with suppress(DataError), connection.cursor() as cursor:  # a server on Windows does not support the setting
        cursor.execute("SET client_connection_check_interval = %s", [int(1000 * BRIEF_SECONDS)])


def _wait_for_server(opened: connection) -> None:
    """Wait for the server as psycopg2 does, but at most as long as the thread's limit or the connect timeout."""
    seconds = _limit() or (CONNECT_SECONDS if opened.status == STATUS_SETUP else None)
    while (state := opened.poll()) != POLL_OK:
        poller = select.poll()
        poller.register(opened.fileno(), select.POLLIN if state == POLL_READ else select.POLLOUT)
        if not poller.poll(None if seconds is None else seconds * 1000):
            raise psycopg2.OperationalError(f"PostgreSQL did not answer within {seconds:g} seconds")

"""Work that two processes must not do at once."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from django.db import InterfaceError, OperationalError, connection


@contextmanager
def alone(lock: int) -> Iterator[bool]:
    """Hold an advisory lock of the database session where nobody else does; yield whether it is held.

    It is not held for ever where the process dies.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [lock])
        taken = bool(cursor.fetchone()[0])
        try:
            yield taken
        finally:
            if taken:
                with suppress(OperationalError, InterfaceError):  # the session is gone, and the lock with it
                    cursor.execute("SELECT pg_advisory_unlock(%s)", [lock])

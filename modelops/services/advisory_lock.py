"""An advisory lock of the database, for work that two processes must not do at once."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from django.db import InterfaceError, OperationalError, connection


@contextmanager
def advisory_lock(lock: int) -> Iterator[bool]:
    """Try to take the advisory lock; yield whether it was acquired, and release it after the block.

    The lock belongs to the database session: it ends with the process.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [lock])
        acquired = bool(cursor.fetchone()[0])
        try:
            yield acquired
        finally:
            if acquired:
                with suppress(OperationalError, InterfaceError):  # the session is gone, and the lock with it
                    cursor.execute("SELECT pg_advisory_unlock(%s)", [lock])

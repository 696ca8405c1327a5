"""Long reads of tables in little memory."""

from collections.abc import Iterable, Iterator
from typing import Any, Final

from django.db import connection, transaction

AT_ONCE: Final = 5000


def stream_rows(query: str, arguments: Iterable[Any]) -> Iterator[tuple[Any, ...]]:
    """Yield rows through a server-side cursor, so that memory stays small for any table."""
    with transaction.atomic():
        connection.ensure_connection()
        with connection.connection.cursor(name="events_streamed") as cursor:
            cursor.itersize = AT_ONCE
            cursor.execute(query, list(arguments))
            yield from cursor

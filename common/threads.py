"""Functions that wait for a store, called from an event loop; what ends with its thread."""

import asyncio
from collections.abc import Callable
from typing import TypeVar

from django.db import close_old_connections

T = TypeVar("T")


async def in_thread(function: Callable[[], T]) -> T:
    """Return what the function returns, or raise what it raises, in a thread that may use the database."""

    def work() -> T:
        close_old_connections()
        try:
            return function()
        finally:
            close_old_connections()

    return await asyncio.to_thread(work)


class CloseOnRelease:
    """Calls `close` when the last reference to it goes: a thread-local one goes with its thread."""

    def __init__(self, close: Callable[[], None]) -> None:
        self._close = close

    def __del__(self) -> None:
        self._close()

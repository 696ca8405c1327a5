"""The threads that compute the answers of sockets: the event loop never waits for Redis, PostgreSQL or a model."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

from django.db import close_old_connections

THREADS: Final = 4
T = TypeVar("T")
_pool: Final = ThreadPoolExecutor(THREADS, thread_name_prefix="vitrine-push")
_jobs = 0


def busy_threads() -> int:
    """Return how many functions run or wait for a thread."""
    return _jobs


async def in_thread(function: Callable[[], T]) -> T:
    """Return what the function returns, or raise what it raises, in one of the threads."""

    def work() -> T:
        close_old_connections()
        try:
            return function()
        finally:
            close_old_connections()

    global _jobs
    _jobs += 1
    try:
        return await asyncio.get_running_loop().run_in_executor(_pool, work)
    finally:
        _jobs -= 1

"""Runs a coroutine in an event loop of its own, in a thread of its own.

Playwright's loop runs in the thread of the tests from its first test on, and a thread runs one loop only.
"""

import asyncio
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any


def run_apart(coroutine: Coroutine[Any, Any, None]) -> None:
    """Run the coroutine to its end; raise what it raises."""
    with ThreadPoolExecutor(1) as pool:
        pool.submit(asyncio.run, coroutine).result()

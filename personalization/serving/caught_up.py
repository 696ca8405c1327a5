"""Which entries of the log this process applied ahead of the profiler."""

import threading
from collections.abc import Iterable
from typing import Final

from cachetools import LRUCache

MOST_NAMES: Final = 10_000
"""Entries of the log remembered as applied."""


class CaughtUp:
    """The entries that this process applied ahead of the profiler, the latest of them."""

    def __init__(self) -> None:
        self._names: LRUCache[bytes, bool] = LRUCache(MOST_NAMES)
        self._lock = threading.Lock()

    def covers(self, names: Iterable[bytes]) -> bool:
        """Return whether all of them were applied."""
        with self._lock:
            return all(name in self._names for name in names)

    def note(self, names: Iterable[bytes]) -> None:
        """Note them as applied."""
        with self._lock:
            self._names.update(dict.fromkeys(names, True))


caught_up = CaughtUp()
"""The memory of this process."""

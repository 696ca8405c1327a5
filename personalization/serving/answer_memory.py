"""Memory of prepared answers: an unchanged shopper's repeated request is looked up instead of computed.

A memory belongs to one shopper as read, under one snapshot, in one hour. It leaves with them: nothing in it is checked
for age. The key holds everything else that an answer depends on, also the version of the live counts.
"""

import threading
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from cachetools import LRUCache

from personalization.serving.gauges import LOOKUPS

T = TypeVar("T")
OWN_ANSWERS = 32
"""Answers kept of one shopper: placements, each with some products of context and some filters."""
SHARED_ANSWERS = 4_000
"""Answers kept of all shoppers of whom nothing may be used."""


class AnswerMemory(Generic[T]):
    """The latest answers of one shopper. Of several threads with one question, one computes."""

    def __init__(self, most: int, *, level: str) -> None:
        self._answers: LRUCache[Hashable, T] = LRUCache(most)
        self._lock = threading.Lock()
        self._level = level

    def knows(self, key: Hashable) -> bool:
        """Return whether the answer to the key's question is remembered."""
        return key in self._answers

    def get(self, key: Hashable, compute: Callable[[], T]) -> T:
        """Return the answer to the key's question, computed if it is not known."""
        with self._lock:
            answer = self._answers.get(key)
            hit = answer is not None
            if answer is None:
                answer = self._answers[key] = compute()
        LOOKUPS.labels(level=self._level, outcome="hit" if hit else "miss").inc()
        return answer

"""A small table held in the process for two seconds: each request may ask for it, and few read the database."""

import time
from collections.abc import Callable
from typing import Final, Generic, TypeVar

from django.db import InterfaceError, OperationalError

from common import postgres

FRESH_SECONDS: Final = 2.0
T = TypeVar("T")


class Remembered(Generic[T]):
    """A small table held in the process for two seconds; while the database is away, what was read last."""

    def __init__(self, read: Callable[[], T], otherwise: Callable[[], T]) -> None:
        self._read, self._otherwise = read, otherwise
        self._value: T | None = None
        self._read_at = float("-inf")

    def __call__(self) -> T:
        """Return the table."""
        now = time.monotonic()
        if self._value is None or now - self._read_at >= FRESH_SECONDS:
            self._read_at = now
            try:
                with postgres.optional_query():
                    self._value = self._read()
            except (OperationalError, InterfaceError):
                self._value = self._value if self._value is not None else self._otherwise()
        return self._value

    def forget(self) -> None:
        """Read anew at the next call."""
        self._value, self._read_at = None, float("-inf")

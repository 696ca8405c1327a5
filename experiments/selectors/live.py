"""The live experiments as this process holds them: at most two seconds old, and the last known without a database."""

from typing import Any, Final

from django.db import InterfaceError, OperationalError

from common import postgres
from common.remembered import Remembered
from experiments.design import LiveExperiments
from experiments.selectors.designs import live_fingerprint, read_live


class LiveReader:
    """Reads the live experiments, and again only after one was written."""

    def __init__(self) -> None:
        self._last: tuple[tuple[Any, ...], LiveExperiments] | None = None

    @property
    def last(self) -> LiveExperiments | None:
        """What was read last, None before the first read."""
        return None if self._last is None else self._last[1]

    def __call__(self) -> LiveExperiments:
        """Return the live experiments as they are now. Raises OperationalError while PostgreSQL is down."""
        fingerprint = live_fingerprint()  # read before the rows: a write in between is read twice, never missed
        if self._last is None or self._last[0] != fingerprint:
            self._last = fingerprint, read_live()
        return self._last[1]


live_experiments: Final = Remembered(LiveReader(), LiveExperiments)
"""`live_experiments()`: what decides what shoppers get. The same object as long as nothing changed."""


def latest_experiments() -> LiveExperiments:
    """Return the live experiments as they are now, for one small query; those remembered while PostgreSQL is away.

    Who was told of a change asks at once: an answer that is two seconds old would be taken for the new one.
    """
    try:
        with postgres.optional_query():
            return _latest()
    except (OperationalError, InterfaceError):
        return _latest.last or live_experiments()


_latest: Final = LiveReader()

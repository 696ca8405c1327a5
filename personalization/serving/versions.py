"""The model versions that a process holds: the one it serves with, and ready beside it the one a roll-back leads to."""

import logging
import threading
import time
from dataclasses import replace

from django.db import InterfaceError, OperationalError

from modelops.live import (
    Champion,
    Increment,
    champion,
    roll_back_target,
)
from personalization.serving.gauges import RELOADS
from recsys.ranking.model import LOADING_ERRORS, HybridModel

RETRY_SECONDS = 30.0
"""After how long a version or an increment that could not be read is tried again, and where a roll-back leads is looked
up again: a waiver may have run out."""
log = logging.getLogger(__name__)


class Versions:
    """What one process has loaded. One thread calls `follow`, another one `stand_by`; what is served is replaced as a
    whole, for readers of any thread."""

    def __init__(self) -> None:
        self._reading = threading.Lock()
        """Held by the one that reads and replaces versions: a roll-back does not read again what is being read."""
        self.served: tuple[Champion, HybridModel] | None = None
        self.refused: str | None = None
        """Why the live version is not the one that is served; None where it is."""
        self._ready: tuple[Champion, HybridModel] | None = None
        """What a roll-back leads to, as it was registered: in a large shop it is not read within its two seconds."""
        self._looked: tuple[Champion, float] | None = None
        """What was served when that was looked up, and when that was."""
        self._unread: dict[Champion | Increment, float] = {}
        """What could not be read, and until when it is left alone."""

    def follow(self) -> bool:
        """Serve what is live; return whether that is something else than until now."""
        live, served = champion(), self.served[0] if self.served else None
        if live == served:
            self.refused = None
            return False
        with self._reading:
            return self._change(live, served)

    def _change(self, live: Champion | None, served: Champion | None) -> bool:
        if live is not None and live.increment is not None:
            found = self._increment(live.version, live.increment)
            if found is not None:
                self._serve((live, found))
                return True
            if served is not None and served.version == live.version:
                return False  # an earlier increment of it, or the version itself: no worse than what could be read
            live = replace(live, increment=None)
            if live == served:
                return False
        if live is not None and self._rests(live):
            return False
        try:
            loaded = None if live is None else (live, self._registered(live))
        except LOADING_ERRORS as error:
            # The model that served until now is better than none; the error shows in readiness and metrics.
            self.refused = f"{live.version if live else None} is not served here: {error}"
            log.error("model.refused version=%s error=%s", live.version if live else None, error)
            RELOADS.labels(part="model_refused").inc()
            if live is not None:
                self._unread[live] = time.monotonic() + RETRY_SECONDS
            return False
        self._serve(loaded)
        return True

    @property
    def unsettled(self) -> bool:
        """Whether `stand_by` has something to look up: after each change of what is served, and now and then."""
        if self.served is None:
            return False
        looked = self._looked
        return looked is None or looked[0] != self.served[0] or time.monotonic() >= looked[1] + RETRY_SECONDS

    def stand_by(self) -> None:
        """Make ready what a roll-back would lead to now: nobody waits yet. Where it cannot be, a roll-back reads it."""
        with self._reading:
            if self.served is None or not self.unsettled:
                return
            served = self.served[0]
            self._looked = served, time.monotonic()
            try:
                target = roll_back_target()
                if target == served:  # what is live by now is followed next, may be to what is ready, or was unreadable
                    return
                if target is None or self._ready is None or self._ready[0] != target:
                    self._ready = None
                    self._ready = None if target is None else (target, self._registered(target))
            except (OperationalError, InterfaceError, *LOADING_ERRORS) as error:
                log.warning("model.not_ready error=%s", error)
                RELOADS.labels(part="not_ready").inc()

    def _serve(self, loaded: tuple[Champion, HybridModel] | None) -> None:
        former, self.served, self.refused = self.served, loaded, None
        if former is None or former[0].increment is not None:
            return
        if loaded is None or loaded[0].version != former[0].version:  # else it has learnt more
            self._ready = former  # where a roll-back mostly leads; `stand_by` sees whether it does

    def _registered(self, version: Champion) -> HybridModel:
        """Return the version as it was registered. Raises one of LOADING_ERRORS."""
        ready = self._ready
        if ready is not None and ready[0] == version:
            return ready[1]
        return HybridModel.load(version.directory, expected=version.artefact_hash)

    def _increment(self, version: str, own: Increment) -> HybridModel | None:
        """Return the bundle of an increment; None where it cannot be read, and for a while thereafter."""
        if self._rests(own):
            return None
        try:
            return HybridModel.load(own.directory, expected=own.artefact_hash)
        except LOADING_ERRORS as error:
            log.error("model.increment_refused version=%s error=%s", version, error)
            RELOADS.labels(part="increment_refused").inc()
            self._unread[own] = time.monotonic() + RETRY_SECONDS
        return None

    def _rests(self, what: Champion | Increment) -> bool:
        """Return whether it could not be read a moment ago; what need not be left alone any more is forgotten."""
        now = time.monotonic()
        self._unread = {one: until for one, until in self._unread.items() if until > now}
        return what in self._unread

"""The model versions that a process holds in memory: the one it serves and the target of a roll-back."""

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
"""The pause before an unreadable version or increment is tried again. The roll-back target is looked up as often: its
waiver may have expired."""
log = logging.getLogger(__name__)


class Versions:
    """The loaded versions of one process. One thread calls `follow`, another `stand_by`; any thread may read `current`,
    which is only replaced as a whole."""

    def __init__(self) -> None:
        self._reading = threading.Lock()
        """Held while versions are loaded: a roll-back must not load a version that is being loaded already."""
        self.current: tuple[Champion, HybridModel] | None = None
        self.refusal: str | None = None
        """Why the live version is not served; None if it is."""
        self._standby: tuple[Champion, HybridModel] | None = None
        """The roll-back target as registered, loaded ahead: in a large shop, loading takes more than two seconds."""
        self._target_check: tuple[Champion, float] | None = None
        """The version served at the last lookup of the roll-back target, and the time of that lookup."""
        self._unreadable_until: dict[Champion | Increment, float] = {}
        """Versions and increments that could not be read, and when to retry each."""

    def follow(self) -> bool:
        """Serve the live version; return whether it changed."""
        live, current = champion(), self.current[0] if self.current else None
        if live == current:
            self.refusal = None
            return False
        with self._reading:
            return self._change(live, current)

    def _change(self, live: Champion | None, current: Champion | None) -> bool:
        if live is not None and live.increment is not None:
            bundle = self._load_increment(live.version, live.increment)
            if bundle is not None:
                self._serve((live, bundle))
                return True
            if current is not None and current.version == live.version:
                return False  # an older increment or the version itself is served already
            live = replace(live, increment=None)
            if live == current:
                return False
        if live is not None and self._is_paused(live):
            return False
        try:
            replacement = None if live is None else (live, self._load_registered(live))
        except LOADING_ERRORS as error:
            # The old model is better than none; readiness and metrics show the error.
            self.refusal = f"{live.version if live else None} is not served here: {error}"
            log.error("model.refused version=%s error=%s", live.version if live else None, error)
            RELOADS.labels(part="model_refused").inc()
            if live is not None:
                self._unreadable_until[live] = time.monotonic() + RETRY_SECONDS
            return False
        self._serve(replacement)
        return True

    @property
    def needs_stand_by(self) -> bool:
        """Whether `stand_by` must look up the target: after each change of the served version, and at intervals."""
        if self.current is None:
            return False
        check = self._target_check
        return check is None or check[0] != self.current[0] or time.monotonic() >= check[1] + RETRY_SECONDS

    def stand_by(self) -> None:
        """Load the roll-back target ahead of time. If that fails, the roll-back loads it itself."""
        with self._reading:
            if self.current is None or not self.needs_stand_by:
                return
            current = self.current[0]
            self._target_check = current, time.monotonic()
            try:
                target = roll_back_target()
                if target == current:  # a roll-back just happened: `follow` handles it
                    return
                if target is None or self._standby is None or self._standby[0] != target:
                    self._standby = None
                    self._standby = None if target is None else (target, self._load_registered(target))
            except (OperationalError, InterfaceError, *LOADING_ERRORS) as error:
                log.warning("model.not_ready error=%s", error)
                RELOADS.labels(part="not_ready").inc()

    def _serve(self, replacement: tuple[Champion, HybridModel] | None) -> None:
        former, self.current, self.refusal = self.current, replacement, None
        if former is None or former[0].increment is not None:
            return
        if (
            replacement is None or replacement[0].version != former[0].version
        ):  # the same version only has a new increment
            self._standby = former  # the usual roll-back target; `stand_by` checks it

    def _load_registered(self, version: Champion) -> HybridModel:
        """Return the bundle of the version as registered, without increments. Raises one of LOADING_ERRORS."""
        standby = self._standby
        if standby is not None and standby[0] == version:
            return standby[1]
        model = HybridModel.load(version.directory, expected=version.artifact_hash)
        model.warm_up()
        return model

    def _load_increment(self, version: str, increment: Increment) -> HybridModel | None:
        """Return the bundle of an increment; None if it cannot be read, and during the pause after that."""
        if self._is_paused(increment):
            return None
        try:
            return HybridModel.load(increment.directory, expected=increment.artifact_hash)
        except LOADING_ERRORS as error:
            log.error("model.increment_refused version=%s error=%s", version, error)
            RELOADS.labels(part="increment_refused").inc()
            self._unreadable_until[increment] = time.monotonic() + RETRY_SECONDS
        return None

    def _is_paused(self, what: Champion | Increment) -> bool:
        """Return whether the version or increment failed to load recently; drops entries whose pause is over."""
        now = time.monotonic()
        self._unreadable_until = {one: until for one, until in self._unreadable_until.items() if until > now}
        return what in self._unreadable_until

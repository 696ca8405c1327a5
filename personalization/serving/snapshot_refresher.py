"""Keeps this process's snapshot fresh: one background thread polls two counters and reloads what changed."""

import gc
import logging
import os
import threading
import time
from typing import Any

import redis
from django.conf import settings
from django.db import InterfaceError, OperationalError, connections

from catalog.records import ProductRow
from catalog.selectors import changed_since
from common import clock
from common.errors import Unavailable
from common.redis import CATALOG_VERSION, CONFIG_VERSION, client
from personalization.rules.rule_set import Rule
from personalization.selectors.config_fingerprint import marks
from personalization.selectors.placements import PlacementConfig, active_placements
from personalization.selectors.rules import live_rules
from personalization.serving.gauges import RELOADS
from personalization.serving.snapshot import Snapshot
from personalization.serving.versions import Versions

POLL_SECONDS = 0.2
DATABASE_POLL_SECONDS = 2.0
"""How often the database is asked although no counter moved: the counters may be lost with Redis."""
PAUSE_SECONDS = 0.5
"""For how long a database that could not be asked is left alone: each request may wake the thread meanwhile."""
log = logging.getLogger(__name__)
Counters = tuple[int, int]


class Keeper:
    """Holds the snapshot of one process. Readers take it without a lock; only `refresh` replaces it."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._wake = threading.Event()
        self._pid = 0
        self._thread: threading.Thread | None = None
        self._standing_by: threading.Thread | None = None
        self._snapshot: Snapshot | None = None
        self._rows: dict[str, ProductRow] = {}
        self._cursor: int | None = None
        self._versions = Versions()
        self._changed: dict[str, ProductRow] = {}
        self._remodeled = False
        """What was reloaded and is in no snapshot yet, rows and model: the database may go away in between."""
        self._configured: tuple[tuple[Any, ...], dict[str, PlacementConfig], list[Rule]] | None = None
        """Placements and rules as they were read last, and the marks that they bore then."""
        self._counters: Counters | None = None
        self._asked_at = self._failed_at = float("-inf")

    def current(self) -> Snapshot:
        """Return the snapshot; the first call of a process makes it. Raises Unavailable where it cannot be made."""
        if _inline():
            self.refresh()
        else:
            self.begin()
        if self._snapshot is None:
            self.refresh()
        if self._snapshot is None:
            raise Unavailable("The catalog is not loaded yet.")
        return self._snapshot

    def begin(self) -> None:
        """Start to load in the background, where this process keeps fresh so: no request need wait for it."""
        if not _inline() and not self._runs():
            self._start()

    @property
    def refused(self) -> str | None:
        """Why the live version is not the one that this process serves with; None where it is."""
        return self._versions.refused

    @property
    def loading(self) -> bool:
        """Whether the first snapshot of this process is being made: with a large catalog that takes a while."""
        return self._snapshot is None and self._runs()

    def hint(self, *, config_version: int, catalog_version: int) -> None:
        """Refresh at once when a shopper's read shows counters that this process has not seen."""
        if self._counters is not None and self._counters != (config_version, catalog_version):
            self._wake.set()

    def refresh(self, *, force: bool = False) -> None:
        """Reload what changed. Where the database is down, what was loaded before stays."""
        with self._lock:
            counters, now = _read_counters(), time.monotonic()
            due = counters != self._counters or now - self._asked_at >= DATABASE_POLL_SECONDS
            due = due and now - self._failed_at >= PAUSE_SECONDS
            if self._snapshot is not None and not (force or due or _inline()):
                return
            try:
                self._reload()
            except (OperationalError, InterfaceError) as error:
                log.warning("snapshot.refresh_failed error=%s", error)
                self._failed_at = time.monotonic()
                return
            self._counters, self._asked_at = counters, time.monotonic()

    def forget(self) -> None:
        """Drop everything: the next call loads from the start."""
        with self._lock:
            self._snapshot = self._cursor = self._counters = self._configured = None
            self._rows, self._versions, self._changed, self._remodeled = {}, Versions(), {}, False
            self._asked_at = self._failed_at = float("-inf")

    def _reload(self) -> None:
        self._changed.update(self._reload_rows())
        self._remodeled |= self._versions.follow()
        (placements, rules), now = self._reload_config(), clock.now()
        old, fresh = self._snapshot, None
        if old is not None and not (self._changed or self._remodeled):
            kept = old if old.rules.made_of(rules) else old.with_rules(rules)
            self._snapshot = kept.at(now, placements=placements)
            if not _inline():
                _ = self._snapshot.survey.space
            return
        if old is not None and not self._remodeled:
            fresh = old.following(list(self._changed.values()), placements=placements, rules=rules, now=now)
        if fresh is None:
            served = self._versions.served
            fresh = Snapshot.build(
                bundle=served[1] if served else None,
                model_version=served[0].version if served else None,
                rows=self._rows.values(),
                placements=placements,
                rules=rules,
                now=now,
                before=old,
            )
        self._snapshot = fresh
        if not _inline():
            _ = fresh.shelf.kinship, fresh.survey.space
            if old is None:
                settle()
        RELOADS.labels(part="catalog" if self._changed else "model").inc()
        self._changed, self._remodeled = {}, False

    def _reload_rows(self) -> dict[str, ProductRow]:
        rows, self._cursor = changed_since(self._cursor)
        changed = {row.product_id: row for row in rows if self._rows.get(row.product_id) != row}
        self._rows.update(changed)
        return changed

    def _reload_config(self) -> tuple[dict[str, PlacementConfig], list[Rule]]:
        """Return placements and rules, read again where any was written since; in part they are never taken."""
        seen = marks()  # before the rows: what is written in between is read now, and again next time
        if self._configured is None or self._configured[0] != seen:
            self._configured = seen, active_placements(), live_rules()
        return self._configured[1:]

    def _start(self) -> None:
        with self._lock:
            if self._runs():
                return
            self._pid = os.getpid()
            self._thread = threading.Thread(target=self._run, name="vitrine-snapshot", daemon=True)
            self._thread.start()

    def _runs(self) -> bool:
        """Return whether the thread lives, in this process: a fork has none, and a bug may have ended it."""
        return self._pid == os.getpid() and self._thread is not None and self._thread.is_alive()

    def _run(self) -> None:
        while True:
            self.refresh()
            self._stand_by()
            connections.close_all()
            self._wake.wait(POLL_SECONDS)
            self._wake.clear()

    def _stand_by(self) -> None:
        """Let another thread make ready what a roll-back leads to: rules and prices do not wait meanwhile."""
        if not self._versions.unsettled or (self._standing_by is not None and self._standing_by.is_alive()):
            return

        def stand_by(versions: Versions) -> None:
            versions.stand_by()
            connections.close_all()

        self._standing_by = threading.Thread(
            target=stand_by, args=(self._versions,), name="vitrine-stand-by", daemon=True
        )
        self._standing_by.start()


def settle() -> None:
    """Take all that lives out of the garbage collector's sight, once a process has its first snapshot.

    It would look through every product of the shop again and again and hold up the answers meanwhile: .25 s at 200,000
    products, .005 s thereafter. Nothing here needs it: what a snapshot held is freed with the snapshot.
    """
    gc.collect()
    gc.freeze()


def _inline() -> bool:
    return bool(settings.SERVING_REFRESH == "inline")


def _read_counters() -> Counters | None:
    try:
        config, catalog = client().mget(CONFIG_VERSION, CATALOG_VERSION)
    except (redis.ConnectionError, redis.TimeoutError):
        return None
    return (int(config or 0), int(catalog or 0))


keeper = Keeper()
"""The one of this process."""

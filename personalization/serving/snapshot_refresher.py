"""Refreshes this process's snapshot: a background thread polls two counters and reloads what changed.

Once a second it also follows the live counts.
"""

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
from experiments.design import LiveExperiments
from experiments.selectors.designs import read_live
from experiments.services.sticky import restore_redis
from modelops.live import Champion
from personalization.selectors.config_fingerprint import config_fingerprint
from personalization.selectors.placements import PlacementConfig, active_placements
from personalization.selectors.rules import LiveRules, read_live_rules
from personalization.serving.answer_inputs import Provenance
from personalization.serving.gauges import RELOADS
from personalization.serving.live_counts import LiveCounts
from personalization.serving.snapshot import Snapshot
from personalization.serving.versions import Versions

POLL_SECONDS = 0.2
DATABASE_POLL_SECONDS = 2.0
"""How often the database is checked although no counter changed: a loss of Redis loses the counters."""
COUNTS_SECONDS = 1.0
"""How often the live counts are followed. Each change empties the memory of answers, so more often would cost more."""
PAUSE_SECONDS = 0.5
"""The pause after a failed read of the database; without it, each request could wake the thread."""
HASH_LENGTH = 12
"""Digits of a model's hash that an exposure names."""
log = logging.getLogger(__name__)
Counters = tuple[int, int]


class SnapshotRefresher:
    """Holds the snapshot of one process. Readers need no lock; only `refresh` replaces it."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._wake = threading.Event()
        self._first_look = threading.Event()
        self._pid = 0
        self._thread: threading.Thread | None = None
        self._standing_by: threading.Thread | None = None
        self._snapshot: Snapshot | None = None
        self._rows: dict[str, ProductRow] = {}
        self._cursor: int | None = None
        self._catalog_moment: str | None = None
        self._versions = Versions()
        self._changed: dict[str, ProductRow] = {}
        self._model_changed = False
        """Rows and model that were reloaded but are in no snapshot yet: the database may fail in between."""
        self._config: tuple[tuple[Any, ...], dict[str, PlacementConfig], LiveRules, LiveExperiments] | None = None
        """The fingerprint, placements, rules and experiments of the last read."""
        self._counters: Counters | None = None
        self._asked_at = self._failed_at = self._followed_at = float("-inf")
        self._live_counts = LiveCounts()

    def current(self) -> Snapshot:
        """Return the snapshot; the first call of a process builds it. Raises Unavailable if it cannot be built."""
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
        """Start the background thread, so that no request waits for the first load."""
        if not _inline() and not self._runs():
            self._start()

    def wait_for_first_look(self, *, seconds: float) -> bool:
        """Wait until the thread loaded and warmed the first snapshot, or failed to; return whether it came so far."""
        return self._first_look.wait(seconds)

    @property
    def latest(self) -> Snapshot | None:
        """The snapshot as it is, without a look for changes; None before the first load."""
        return self._snapshot

    @property
    def refusal(self) -> str | None:
        """Why this process does not serve the live version; None if it does."""
        return self._versions.refusal

    @property
    def loading(self) -> bool:
        """Whether the first snapshot of this process is being built; for a large catalog that takes a while."""
        return self._snapshot is None and self._runs()

    def hint(self, *, config_version: int, catalog_version: int) -> None:
        """Refresh at once if a shopper's read returned counters that differ from those of the last refresh."""
        if self._counters is not None and self._counters != (config_version, catalog_version):
            self._wake.set()

    def refresh(self, *, force: bool = False) -> None:
        """Reload what changed, and follow the live counts. While the database is down, the old snapshot stays."""
        with self._lock:
            self._reload_due(force=force)
            self._follow_counts()

    def _reload_due(self, *, force: bool) -> None:
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
        self._restore_arms()

    def _restore_arms(self) -> None:
        """Have Redis hold the arms that shoppers got, also after it lost its data."""
        if self._snapshot is None or not self._snapshot.experiments.decides_answers:
            return
        try:
            restore_redis()
        except (redis.ConnectionError, redis.TimeoutError, OperationalError, InterfaceError) as error:
            log.warning("snapshot.arms_not_restored error=%s", error)

    def _follow_counts(self) -> None:
        """Have the sources answer by the live counts. While Redis is down, they keep what they know."""
        snapshot, now = self._snapshot, time.monotonic()
        if snapshot is None or snapshot.bundle is None:
            return
        if _inline() or now - self._followed_at >= COUNTS_SECONDS:
            self._followed_at = now
            try:
                self._live_counts.poll()
            except (redis.ConnectionError, redis.TimeoutError) as error:
                log.warning("snapshot.counts_not_read error=%s", error)
        if (version := self._live_counts.version) != snapshot.counts_version:
            counts = self._live_counts.recent_counts(snapshot.serving_catalog.codes, snapshot.weights)
            position = self._live_counts.position
            self._snapshot = snapshot.with_recent_counts(counts, version=version, position=position)

    def forget(self) -> None:
        """Drop all loaded data; the next call loads from the start."""
        with self._lock:
            self._snapshot = self._cursor = self._counters = self._config = self._catalog_moment = None
            self._rows, self._versions, self._changed, self._model_changed = {}, Versions(), {}, False
            self._live_counts = LiveCounts()
            self._asked_at = self._failed_at = self._followed_at = float("-inf")

    def _reload(self) -> None:
        self._changed.update(self._reload_rows())
        self._model_changed |= self._versions.follow()
        (placements, live, experiments), now = self._reload_config(), clock.now()
        old, snapshot, rules = self._snapshot, None, live.rules
        if old is not None and not (self._changed or self._model_changed):
            unchanged = old if old.rules.has_rules(rules) else old.with_rules(rules, moment=live.moment)
            self._snapshot = unchanged.at(now, placements=placements).with_experiments(experiments)
            if not _inline():
                _ = self._snapshot.onboarding_cache.space
                self._snapshot.prepare_objectives()
            return
        current = self._versions.current
        provenance = provenance_of(current[0] if current else None, self._catalog_moment, live.moment)
        if old is not None and not self._model_changed:
            snapshot = old.with_changes(
                list(self._changed.values()), placements=placements, rules=rules, now=now, provenance=provenance
            )
        if snapshot is None:
            snapshot = Snapshot.build(
                bundle=current[1] if current else None,
                model_version=current[0].version if current else None,
                rows=self._rows.values(),
                placements=placements,
                rules=rules,
                now=now,
                before=old,
                provenance=provenance,
            )
        snapshot = snapshot.with_experiments(experiments)
        if not _inline():
            catalog = snapshot.serving_catalog
            _ = catalog.kinship, catalog.id_hashes, snapshot.onboarding_cache.space
            snapshot.prepare_objectives()
            if old is None or self._model_changed:
                _warm_up(snapshot)
            if old is None:
                freeze_garbage_collection()
        self._snapshot = snapshot
        RELOADS.labels(part="catalog" if self._changed else "model").inc()
        self._changed, self._model_changed = {}, False

    def _reload_rows(self) -> dict[str, ProductRow]:
        changes = changed_since(self._cursor)
        self._cursor, self._catalog_moment = changes.cursor, changes.moment or self._catalog_moment
        changed = {row.product_id: row for row in changes.rows if self._rows.get(row.product_id) != row}
        self._rows.update(changed)
        return changed

    def _reload_config(self) -> tuple[dict[str, PlacementConfig], LiveRules, LiveExperiments]:
        """Return placements, rules and experiments, read again if any was written since the last read."""
        fingerprint = config_fingerprint()  # read before the rows: a write in between is read twice, never missed
        if self._config is None or self._config[0] != fingerprint:
            self._config = fingerprint, active_placements(), read_live_rules(), read_live()
        return self._config[1:]

    def _start(self) -> None:
        with self._lock:
            if self._runs():
                return
            self._pid = os.getpid()
            self._thread = threading.Thread(target=self._run, name="vitrine-snapshot", daemon=True)
            self._thread.start()

    def _runs(self) -> bool:
        """Return whether the thread is alive in this process: a fork has none, and a bug may have ended it."""
        return self._pid == os.getpid() and self._thread is not None and self._thread.is_alive()

    def _run(self) -> None:
        while True:
            self.refresh()
            self._first_look.set()
            self._stand_by()
            connections.close_all()
            self._wake.wait(POLL_SECONDS)
            self._wake.clear()

    def _stand_by(self) -> None:
        """Load the roll-back target in another thread, so that rules and prices do not wait for it."""
        if not self._versions.needs_stand_by or (self._standing_by is not None and self._standing_by.is_alive()):
            return

        def stand_by(versions: Versions) -> None:
            versions.stand_by()
            connections.close_all()

        self._standing_by = threading.Thread(
            target=stand_by, args=(self._versions,), name="vitrine-stand-by", daemon=True
        )
        self._standing_by.start()


def provenance_of(served: Champion | None, catalog: str | None, rules: str | None) -> Provenance:
    """Return the provenance of a snapshot with that model, and products and rules of those moments."""
    if served is None:
        return Provenance(catalog=catalog, rules=rules)
    increment = served.increment
    artifact_hash = served.artifact_hash if increment is None else increment.artifact_hash
    return Provenance(artifact_hash[:HASH_LENGTH], None if increment is None else increment.number, catalog, rules)


def freeze_garbage_collection() -> None:
    """Freeze all live objects out of garbage collection, once a process has its first snapshot.

    Each collection would visit every product and delay answers: 0.25 s at 200,000 products, against 0.005 s after
    freezing. The memory of an old snapshot is freed with the snapshot, without collection.
    """
    gc.collect()
    gc.freeze()


def _warm_up(snapshot: Snapshot) -> None:
    from personalization.serving.warm_up import warm_up  # which imports the engine, and the engine this module

    started = time.monotonic()
    n_answered = warm_up(snapshot)
    log.info("snapshot.warm answers=%d seconds=%.2f", n_answered, time.monotonic() - started)


def _inline() -> bool:
    return bool(settings.SERVING_REFRESH == "inline")


def _read_counters() -> Counters | None:
    try:
        config, catalog = client().mget(CONFIG_VERSION, CATALOG_VERSION)
    except (redis.ConnectionError, redis.TimeoutError):
        return None
    return (int(config or 0), int(catalog or 0))


snapshot_refresher = SnapshotRefresher()
"""The refresher of this process."""

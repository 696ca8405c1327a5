"""The loop that every consumer of the log runs: read what is mine, apply it, go on, whoever dies meanwhile."""

import contextlib
import gc
import logging
import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

import redis
from django.db import InterfaceError, OperationalError, close_old_connections, connection

from common.errors import Unavailable
from events.log import Batch, Log
from events.log.membership import Membership
from events.services.recorder import Superseded

BLOCK_MS: Final = 200
REPORT_SECONDS: Final = 1.0
LONGEST_WAIT: Final = 2.0
CONSUMERS: Final = ("recorder", "profiles")
"""Everybody the log waits for before it is trimmed."""
STORE_ERRORS: Final = (Unavailable, redis.RedisError, OperationalError, InterfaceError)
log = logging.getLogger(__name__)


class Work(Protocol):
    """What a consumer does. Results and offsets are kept together, so that applying a batch again changes nothing."""

    name: str
    at_once: int

    def offsets(self, shards: Iterable[int]) -> dict[int, int]:
        """Return how far each shard is done."""

    def apply(self, batch: Batch, *, after: Mapping[int, int]) -> dict[int, int]:
        """Do the batch, which was read behind `after`; return the new offsets."""


@dataclass(slots=True)
class Consumer:
    """Runs one work over the shards that are its own, until `stop` is set."""

    work: Work
    source: Log
    client: redis.Redis
    stop: threading.Event = field(default_factory=threading.Event)
    housekeeping: "Housekeeping | None" = None
    _after: dict[int, int] = field(default_factory=dict)
    _reported: float = float("-inf")

    def run(self) -> None:
        """Consume until told to stop. What is away is waited for."""
        membership = Membership(self.client, self.work.name, self.source.shards)
        wait = 0.05
        while not self.stop.is_set():
            try:
                self.step(membership)
                wait = 0.05
            except Superseded as error:
                log.info("consumer.superseded consumer=%s %s", self.work.name, error)
                self._after = {}
            except STORE_ERRORS as error:
                log.warning("consumer.waiting consumer=%s seconds=%.2f error=%s", self.work.name, wait, error)
                self._after = {}
                close_broken_connection()
                self.stop.wait(wait)
                wait = min(LONGEST_WAIT, wait * 2)
        with contextlib.suppress(Unavailable):
            membership.leave()

    def step(self, membership: Membership) -> int:
        """Read once and apply; return how many entries that were."""
        mine = membership.mine()
        if mine != self._after.keys():
            self._after = self.work.offsets(mine)
        if not mine:
            self.stop.wait(BLOCK_MS / 1000)
            return 0
        batch = self.source.read_many(self._after, count=self.work.at_once, block_ms=BLOCK_MS)
        if batch:
            self._after = self.work.apply(batch, after=self._after)
        if time.monotonic() - self._reported >= REPORT_SECONDS:
            self._report()
        return sum(len(rows) for rows in batch.values())

    def _report(self) -> None:
        self._reported = time.monotonic()
        close_old_connections()
        report(self.client, consumer=self.work.name, offsets=self._after)
        if self.housekeeping:
            self.housekeeping.tidy(self.source, self.client, mine=self._after)


def relax_garbage_collection() -> None:
    """Let the garbage collector run rarely: a batch makes many objects and no cycles (measured: 40 % of the work)."""
    gc.freeze()
    gc.set_threshold(100_000, 50, 50)


def close_broken_connection() -> None:
    """Drop this thread's connection, so that the next query opens a new one."""
    with contextlib.suppress(InterfaceError, OperationalError):
        connection.close()


def report(client: redis.Redis, *, consumer: str, offsets: Mapping[int, int]) -> None:
    """Tell how far the consumer is, for the gauges and for trimming."""
    pipe = client.pipeline(transaction=False)
    for shard, offset in offsets.items():
        pipe.hset(f"v:offset:{consumer}", str(shard), str(offset))
    pipe.execute()


def lags(client: redis.Redis, source: Log, *, consumers: Iterable[str] = CONSUMERS) -> dict[tuple[str, int], int]:
    """Return about how many entries each consumer has before it on each shard, by how far it told that it is.

    Asked of the log and not of the consumer: one that died tells nothing, and what waits for it grows.
    Raises redis errors and Unavailable.
    """
    backlogs: dict[tuple[str, int], int] = {}
    for consumer in consumers:
        stored: Any = client.hgetall(f"v:offset:{consumer}")
        offsets = {int(shard): int(offset) for shard, offset in stored.items()}
        backlogs |= {(consumer, shard): source.backlog(shard, offsets.get(shard, 0)) for shard in range(source.shards)}
    return backlogs


@dataclass(slots=True)
class Housekeeping:
    """Trims the log behind every consumer: to its retention, sooner where a shard grows near its part of the limit."""

    keep_ms: int
    max_bytes: int
    every: float = 10.0
    _done: float = float("-inf")

    def tidy(self, source: Log, client: redis.Redis, *, mine: Iterable[int]) -> int:
        """Trim the shards that are mine when it is time to; return how many entries went."""
        if time.monotonic() - self._done < self.every:
            return 0
        self._done = time.monotonic()
        now = time.time_ns() // 1_000_000
        removed = 0
        for shard in mine:
            nearly_full = source.size_bytes(shard) > 0.8 * self.max_bytes / source.shards
            keep_since = now + 1 if nearly_full else now - self.keep_ms
            removed += source.trim(shard, consumed=self._consumed(client, shard), keep_since_ms=keep_since)
        return removed

    def _consumed(self, client: redis.Redis, shard: int) -> int:
        values: list[Any] = [client.hget(f"v:offset:{consumer}", str(shard)) for consumer in CONSUMERS]
        return min(int(value or 0) for value in values)

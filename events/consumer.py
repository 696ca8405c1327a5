"""The loop of every consumer: read its shards, apply the batch, move on. It survives restarts of the stores."""

import contextlib
import gc
import logging
import threading
import time
from collections.abc import Collection, Iterable, Mapping
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
"""Consumers that must have read an entry before the log is trimmed."""
STORE_ERRORS: Final = (Unavailable, redis.RedisError, OperationalError, InterfaceError)
log = logging.getLogger(__name__)


class Work(Protocol):
    """The work of a consumer. Results and offsets are stored together, so applying a batch twice changes nothing."""

    name: str
    at_once: int

    def offsets(self, shards: Iterable[int]) -> dict[int, int]:
        """Return the offset reached on each shard."""

    def apply(self, batch: Batch, *, after: Mapping[int, int]) -> dict[int, int]:
        """Apply the batch, which was read after the offsets `after`; return the new offsets."""

    def between(self, shards: Collection[int]) -> None:
        """Do what is due on these shards, between two batches; called at least five times a second."""


@dataclass(slots=True)
class Consumer:
    """Runs one work over its own shards until `stop` is set."""

    work: Work
    source: Log
    client: redis.Redis
    stop: threading.Event = field(default_factory=threading.Event)
    housekeeping: "Housekeeping | None" = None
    _after: dict[int, int] = field(default_factory=dict)
    _reported: float = float("-inf")

    def run(self) -> None:
        """Consume until `stop` is set. Stores that do not answer are tried again."""
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
        """Read and apply once; return the number of entries."""
        mine = membership.mine()
        if mine != self._after.keys():
            self._after = self.work.offsets(mine)
        if not mine:
            self.stop.wait(BLOCK_MS / 1000)
            return 0
        batch = self.source.read_many(self._after, count=self.work.at_once, block_ms=BLOCK_MS)
        if batch:
            self._after = self.work.apply(batch, after=self._after)
        self.work.between(mine)
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
    """Make garbage collection rare: a batch creates many objects and no cycles (measured: 40 % of the time)."""
    gc.freeze()
    gc.set_threshold(100_000, 50, 50)


def close_broken_connection() -> None:
    """Close this thread's connection, so that the next query opens a new one."""
    with contextlib.suppress(InterfaceError, OperationalError):
        connection.close()


def report(client: redis.Redis, *, consumer: str, offsets: Mapping[int, int]) -> None:
    """Publish the consumer's offsets, for the gauges and for trimming."""
    pipe = client.pipeline(transaction=False)
    for shard, offset in offsets.items():
        pipe.hset(f"v:offset:{consumer}", str(shard), str(offset))
    pipe.execute()


def lags(client: redis.Redis, source: Log, *, consumers: Iterable[str] = CONSUMERS) -> dict[tuple[str, int], int]:
    """Return an estimate of the entries that each consumer has left on each shard.

    The log computes it from the published offsets, because a consumer that died publishes nothing more. Raises redis
    errors and Unavailable.
    """
    backlogs: dict[tuple[str, int], int] = {}
    for consumer in consumers:
        stored: Any = client.hgetall(f"v:offset:{consumer}")
        offsets = {int(shard): int(offset) for shard, offset in stored.items()}
        backlogs |= {(consumer, shard): source.backlog(shard, offsets.get(shard, 0)) for shard in range(source.shards)}
    return backlogs


@dataclass(slots=True)
class Housekeeping:
    """Trims the log behind every consumer: by retention time, and earlier where a shard nears its share of the size
    limit.
    """

    keep_ms: int
    max_bytes: int
    every: float = 10.0
    _done: float = float("-inf")

    def tidy(self, source: Log, client: redis.Redis, *, mine: Iterable[int]) -> int:
        """Trim this member's shards if it is time; return the number of entries removed."""
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

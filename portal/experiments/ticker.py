"""Computes a watched experiment when its numbers changed, at most once a second, and sends it to all who watch.

The viewers of an experiment are one Channels group, over all processes. Whoever has the experiment's turn in Redis
computes for all. Without a change it is computed every quarter of a minute, because time alone moves its verdict.
"""

import asyncio
import contextlib
import logging
from collections import Counter
from typing import Any, Final

import redis
from channels.layers import get_channel_layer
from django.conf import settings
from django.db import InterfaceError, OperationalError
from redis import asyncio as redis_asyncio

from common.errors import DomainError
from common.threads import in_thread
from experiments.keys import CHANGED
from portal.experiments.snapshot import compute_in_turn

LULL_SECONDS: Final = 0.1
"""Between two tries for the turn, which one process gets once a second."""
REST_SECONDS: Final = 15.0
"""The longest time between two snapshots of a watched experiment."""
RETRY_SECONDS: Final = 0.5
LISTEN_SECONDS: Final = 1.0
MOST_SILENT: Final = 3
"""Unanswered pings, one each `LISTEN_SECONDS`, after which Redis counts as lost."""
log = logging.getLogger(__name__)


def group_of(key: str) -> str:
    """Return the Channels group of those who watch an experiment."""
    return f"experiment.{key}"


class Ticker:
    """The watched experiments of one event loop."""

    def __init__(self) -> None:
        self.watchers: Counter[str] = Counter()
        self._changed: dict[str, asyncio.Event] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._listening: asyncio.Task[None] | None = None

    def __len__(self) -> int:
        return self.watchers.total()

    def join(self, key: str) -> None:
        """Count a viewer in. The first one of an experiment starts its task."""
        self.watchers[key] += 1
        loop = asyncio.get_running_loop()
        if self._listening is None or self._listening.done():
            self._listening = loop.create_task(self._listen())
        if key not in self._tasks:
            self._changed[key] = asyncio.Event()
            self._tasks[key] = loop.create_task(self._tick(key))

    def leave(self, key: str) -> None:
        """Count a viewer out. The last one ends the task; the last of all ends the subscription."""
        self.watchers[key] -= 1
        if self.watchers[key] <= 0:
            del self.watchers[key]
            self._tasks.pop(key).cancel()
            del self._changed[key]
        if not self.watchers and self._listening is not None:
            self._listening.cancel()
            self._listening = None

    def mark(self, key: str) -> None:
        """Take note that the numbers of an experiment changed."""
        if key in self._changed:
            self._changed[key].set()

    async def _listen(self) -> None:
        while self.watchers and not _is_cancelled():
            try:
                await self._subscription()
            except (redis.RedisError, OSError) as error:
                log.warning("experiments.feed_lost error=%s", error)
                await asyncio.sleep(RETRY_SECONDS)

    async def _subscription(self) -> None:
        server = redis_asyncio.Redis.from_url(settings.REDIS_URL, socket_connect_timeout=1.0)
        async with server, server.pubsub() as pubsub:
            await pubsub.subscribe(CHANGED)
            for key in list(self._changed):  # whatever happened before is unknown
                self.mark(key)
            silent = 0
            while silent < MOST_SILENT and self.watchers and not _is_cancelled():
                message = await pubsub.get_message(ignore_subscribe_messages=True, timeout=LISTEN_SECONDS)
                silent = silent + 1 if message is None else 0
                if message is None:
                    await pubsub.ping()
                elif message["type"] == "message":
                    self.mark(message["data"].decode())
            if silent == MOST_SILENT:
                raise redis.ConnectionError("no answer to pings")

    async def _tick(self, key: str) -> None:
        changed = self._changed[key]
        while self._changed.get(key) is changed:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(REST_SECONDS):
                    await changed.wait()
            changed.clear()
            if not await self._send(key):
                changed.set()
            await asyncio.sleep(LULL_SECONDS)

    async def _send(self, key: str) -> bool:
        """Compute and send a snapshot; return False where another process has the turn, or a store is away."""
        layer: Any = get_channel_layer()
        try:
            encoded = await in_thread(lambda: compute_in_turn(key))
            if encoded is not None:
                await layer.group_send(group_of(key), {"type": "numbers", "text": encoded})
        except (DomainError, redis.RedisError, OSError, OperationalError, InterfaceError) as error:
            log.warning("experiments.unreadable key=%s error=%s", key, error)
            return False
        return encoded is not None


def _is_cancelled() -> bool:
    """Return whether this task was told to end: the Redis client may take that for a lost connection, or swallow it."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


_tickers: dict[int, Ticker] = {}


def ticker() -> Ticker:
    """Return the ticker of the running event loop."""
    return _tickers.setdefault(id(asyncio.get_running_loop()), Ticker())

"""Passes changes of subjects, and of what all answers depend on, to the open sockets of this process.

One subscription in Redis and one look at the snapshot serve all sockets. Both run while any socket is open.
"""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Iterable
from typing import Any, Final, Protocol

import redis
from django.conf import settings
from django.db import InterfaceError, OperationalError
from redis import asyncio as redis_asyncio

from common import clock
from common.errors import Unavailable
from common.subject_changes import CONSENT, PROFILE, changed_ids, channel
from consents.selectors import rules, terms
from personalization.api.sockets.threads import THREADS, busy_threads, in_thread
from personalization.serving.snapshot_refresher import snapshot_refresher

LISTEN_SECONDS: Final = 1.0
MOST_SILENT: Final = 3
"""Unanswered pings, one each `LISTEN_SECONDS`, after which Redis counts as lost."""
RETRY_SECONDS: Final = 0.5
LOOK_SECONDS: Final = 0.5
LULL_SECONDS: Final = 3.0
"""After a change the shop is looked at again only then: an import of products changes it all the time."""
PACE_SECONDS: Final = 0.002
"""Between two sockets that are answered anew because the shop changed: a thousand take two seconds or more."""
log = logging.getLogger(__name__)


class Watcher(Protocol):
    """An open socket."""

    def subject_changed(self, *, consent: bool) -> None:
        """Take note that one of the watched raw ids changed: its profile, or its consent."""

    def shop_changed(self) -> None:
        """Take note that model, catalog, rules or terms changed."""


class Feed:
    """The watchers of one event loop, by the raw ids they watch."""

    def __init__(self) -> None:
        self._by_id: defaultdict[str, set[Watcher]] = defaultdict(set)
        self._ids: dict[Watcher, frozenset[str]] = {}
        self._to_refresh: dict[Watcher, None] = {}
        self._refresh = asyncio.Event()
        self._session: object | None = None
        """Changes when the jobs end, so that one that missed its cancellation ends too."""
        self._tasks: list[asyncio.Task[None]] = []
        self._loop: asyncio.AbstractEventLoop | None = None

    def __len__(self) -> int:
        return len(self._ids)

    def join(self, watcher: Watcher) -> bool:
        """Add a watcher of no id yet; return False where the process has as many as it may."""
        loop = asyncio.get_running_loop()
        if self._loop is not loop:
            self._by_id.clear()
            self._ids.clear()
            self._tasks, self._loop = [], loop
        if len(self._ids) >= settings.PUSH_MOST_SOCKETS:
            return False
        self._ids[watcher] = frozenset()
        if not self._tasks:
            self._session, self._to_refresh, self._refresh = object(), {}, asyncio.Event()
            jobs = (self._listen(), self._follow_shop(), self._pace_refresh())
            self._tasks = [loop.create_task(job) for job in jobs]
        return True

    def watch(self, watcher: Watcher, raw_ids: Iterable[str]) -> bool:
        """Have the watcher hear of these raw ids and no others; return whether any of them is new to it."""
        before, after = self._ids.get(watcher), frozenset(raw_ids)
        if before is None or before == after:
            return False
        for raw_id in before - after:
            self._drop(raw_id, watcher)
        for raw_id in after - before:
            self._by_id[raw_id].add(watcher)
        self._ids[watcher] = after
        return bool(after - before)

    def leave(self, watcher: Watcher) -> None:
        """Remove a watcher. The last one ends the subscription."""
        for raw_id in self._ids.pop(watcher, ()):
            self._drop(raw_id, watcher)
        self._to_refresh.pop(watcher, None)
        if not self._ids:
            for task in self._tasks:
                task.cancel()
            self._session, self._tasks = None, []

    def _drop(self, raw_id: str, watcher: Watcher) -> None:
        watchers = self._by_id[raw_id]
        watchers.discard(watcher)
        if not watchers:
            del self._by_id[raw_id]

    async def _listen(self) -> None:
        ours = self._session
        while ours is self._session:  # the Redis client may take a cancellation for a lost connection
            try:
                await self._subscription(ours)
            except (redis.RedisError, OSError) as error:
                log.warning("push.feed_lost error=%s", error)
                await asyncio.sleep(RETRY_SECONDS)

    async def _subscription(self, ours: object) -> None:
        client = redis_asyncio.Redis.from_url(settings.REDIS_URL, socket_connect_timeout=1.0)
        async with client, client.pubsub() as pubsub:
            await pubsub.subscribe(channel(PROFILE), channel(CONSENT))
            self._refresh_all()  # whatever happened before is unknown
            silent = 0
            while silent < MOST_SILENT and ours is self._session:
                message = await pubsub.get_message(ignore_subscribe_messages=True, timeout=LISTEN_SECONDS)
                silent = silent + 1 if message is None else 0
                if message is None:
                    await pubsub.ping()
                elif message["type"] == "message":
                    self._pass_on(message["channel"].decode(), message["data"])
            if silent == MOST_SILENT:
                raise redis.ConnectionError("no answer to pings")

    def _pass_on(self, name: str, data: bytes) -> None:
        consent = name == channel(CONSENT)
        watchers = {one for raw_id in changed_ids(name, data) for one in self._by_id.get(raw_id, ())}
        for watcher in watchers:
            watcher.subject_changed(consent=consent)

    async def _follow_shop(self) -> None:
        state: Any = None
        while True:
            try:
                latest = await in_thread(shop_state)
            except (Unavailable, redis.RedisError, OperationalError, InterfaceError) as error:
                log.warning("push.shop_unreadable error=%s", error)
                latest = state
            if latest != state and state is not None:
                self._refresh_all()
                await asyncio.sleep(LULL_SECONDS)
            state = latest
            await asyncio.sleep(LOOK_SECONDS)

    def _refresh_all(self) -> None:
        self._to_refresh = dict.fromkeys(self._ids)
        self._refresh.set()

    async def _pace_refresh(self) -> None:
        """Mark one socket after the other, while at most half of the threads work: changes of subjects come first."""
        while True:
            await self._refresh.wait()
            self._refresh.clear()
            while self._to_refresh:
                while busy_threads() >= THREADS // 2:
                    await asyncio.sleep(PACE_SECONDS)
                if self._to_refresh:
                    watcher, _ = self._to_refresh.popitem()
                    watcher.shop_changed()
                await asyncio.sleep(PACE_SECONDS)


def shop_state() -> tuple[Any, ...]:
    """Return all that every answer depends on: snapshot, rules in their time, purposes and region rules."""
    snapshot, now = snapshot_refresher.current(), clock.now().timestamp()
    active_rules = tuple(
        rule.id
        for rule in snapshot.rules.rules
        if (rule.starts_at is None or rule.starts_at <= now) and (rule.ends_at is None or now < rule.ends_at)
    )
    return id(snapshot), active_rules, terms(), rules()


feed: Final = Feed()
"""The feed of this process."""

"""Divides the shards among the consumers of one name, by heartbeats in Redis.

Shards go round the living members in order of their names, so all members compute the same division without messages. A
member whose heartbeat is too old is dead, and the others take its shards over. A heartbeat in the future is removed
too: the server's clock was put back, and living members beat again within half a second.

For a moment two members may hold one shard. That is safe, because each moves its offset only together with its results.
"""

import os
import socket
import time
import uuid
from dataclasses import dataclass, field
from typing import Any, Final

import redis

from events.log.redis_streams import as_unavailable

BEAT_SECONDS: Final = 0.5
DEAD_SECONDS: Final = 3.0

BEAT: Final = """
local now = redis.call('TIME')
local at = now[1] * 1000 + math.floor(now[2] / 1000)
redis.call('ZADD', KEYS[1], at, ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', at - ARGV[2])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '(' .. at + ARGV[2], '+inf')
return redis.call('ZRANGE', KEYS[1], 0, -1)
"""


def own_name() -> str:
    """Return a unique name for this consumer."""
    return f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:6]}"


@dataclass(slots=True)
class Membership:
    """One member of the group of consumers named `group`."""

    client: redis.Redis
    group: str
    shards: int
    name: str = field(default_factory=own_name)
    _mine: frozenset[int] = frozenset()
    _last_beat: float = float("-inf")

    def mine(self) -> frozenset[int]:
        """Return the shards of this member; sends a heartbeat if one is due. Raises `errors.Unavailable`."""
        if time.monotonic() - self._last_beat >= BEAT_SECONDS:
            with as_unavailable():
                members: Any = self.client.eval(BEAT, 1, self._key, self.name, int(DEAD_SECONDS * 1000))
            ordered = sorted(member.decode() for member in members)
            rank = ordered.index(self.name)
            self._mine = frozenset(range(rank, self.shards, len(ordered)))
            self._last_beat = time.monotonic()
        return self._mine

    def leave(self) -> None:
        """Give the shards back at once."""
        with as_unavailable():
            self.client.zrem(self._key, self.name)

    @property
    def _key(self) -> str:
        return f"v:consumers:{self.group}"

"""Where events wait for their shopper's first decision: beside the log, in the same Redis, with the same promise.

A waiting event is one value under its key, the message id. An index by raw id finds what waits for a decision of it. An
event leaves in the one step that puts its entry on the log. So whoever is killed, it is in one of both places, once.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import redis

from events.log.base import Entry, shard_of
from events.log.redis_streams import APPEND_FUNCTION, CODES, RedisStreams, as_unavailable

DUE: Final = "v:wait:due"
"""Sorted set of message ids by the time, in microseconds, when their wait is over: also the order of arrival."""
BODIES: Final = "v:wait:bodies"
SIZE: Final = "v:wait:bytes"
INDEX: Final = "v:wait:of:"
"""Begins the key of a raw id's sorted set: the message ids that wait for its decision, by the same time."""
OVERHEAD: Final = 300
"""Bytes of a waiting event besides its body: sets, index, bookkeeping."""

ADD: Final = f"""
if redis.call('HEXISTS', KEYS[2], ARGV[1]) == 1 then return 0 end
local size = tonumber(redis.call('GET', KEYS[3]) or '0') + #ARGV[2] + {OVERHEAD}
if size > tonumber(ARGV[4]) then return -1 end
local now = redis.call('TIME')
local due = now[1] * 1000000 + now[2] + ARGV[3]
local last = tonumber(redis.call('ZREVRANGE', KEYS[1], 0, 0, 'WITHSCORES')[2] or '0')
if last >= due and last < due + 1000 then due = last + 1 end
due = string.format('%.0f', due)
redis.call('SET', KEYS[3], string.format('%.0f', size))
redis.call('HSET', KEYS[2], ARGV[1], ARGV[2])
redis.call('ZADD', KEYS[1], due, ARGV[1])
for i = 4, #KEYS do redis.call('ZADD', KEYS[i], due, ARGV[1]) end
return 1
"""
"""Adds an event that does not wait yet, while there is room. Two of one microsecond keep their order."""
_LEAVE: Final = f"""
local function leave(key)
  local body = redis.call('HGET', KEYS[4], key)
  if not body then return false end
  redis.call('HDEL', KEYS[4], key)
  redis.call('ZREM', KEYS[3], key)
  redis.call('DECRBY', KEYS[5], #body + {OVERHEAD})
  for i = 6, #KEYS do redis.call('ZREM', KEYS[i], key) end
  return true
end
"""
SETTLE: Final = f"""
{APPEND_FUNCTION}
{_LEAVE}
if redis.call('HEXISTS', KEYS[4], ARGV[2]) == 0 then return 0 end
local added = append(3)
if type(added) == 'table' then return added end
leave(ARGV[2])
return 1
"""
"""Puts the entry on the log and takes the event away, unless somebody else did so before."""
FORGET: Final = f"{_LEAVE} return leave(ARGV[1]) and 1 or 0"


@dataclass(frozen=True, slots=True)
class Waiting:
    """A waiting event: its key, which follows from its message id, the raw ids that lead to it, and its content."""

    key: str
    raw_ids: tuple[str, ...]
    body: bytes


class WaitingRoom:
    """The waiting events of one installation, at most `max_bytes` of them."""

    def __init__(self, client: redis.Redis, log: RedisStreams, *, max_bytes: int) -> None:
        self.client, self.log, self.max_bytes = client, log, max_bytes
        self._add = client.register_script(ADD)
        self._settle = client.register_script(SETTLE)
        self._forget = client.register_script(FORGET)

    def queue_add(self, pipe: Any, waiting: Sequence[Waiting], *, seconds: float) -> None:
        """Queue the events, then one answer for each: 1 waits now, 0 waited before, -1 there is no room."""
        if waiting:
            pipe.script_load(ADD)  # a restarted server knows no script
        for one in waiting:
            keys = (DUE, BODIES, SIZE, *map(_index, one.raw_ids))
            arguments = (one.key, one.body, round(seconds * 1e6), self.max_bytes)
            pipe.evalsha(self._add.sha, len(keys), *keys, *arguments)

    def queue_count(self, pipe: Any, raw_ids: Iterable[str]) -> None:
        """Queue the question of how many of these raw ids events wait for."""
        pipe.exists(*map(_index, raw_ids))

    def bodies_of(self, raw_ids: Iterable[str]) -> list[bytes]:
        """Return what waits for a decision of any of these raw ids, in order of arrival. Raises Unavailable."""
        pipe = self.client.pipeline(transaction=False)
        for raw_id in raw_ids:
            pipe.zrange(_index(raw_id), 0, -1, withscores=True)
        with as_unavailable():
            due = {name: score for rows in pipe.execute() for name, score in rows}
            return self._bodies(sorted(due, key=lambda name: (due[name], name)))

    def overdue(self, *, count: int, seconds_ahead: float = 0.0) -> list[bytes]:
        """Return up to `count` events whose wait is over, the oldest first. Raises Unavailable."""
        with as_unavailable():
            now: Any = self.client.time()
            until = now[0] * 1_000_000 + now[1] + round(seconds_ahead * 1e6)
            names: Any = self.client.zrangebyscore(DUE, "-inf", until, start=0, num=count)
            return self._bodies(names)

    def settle(self, settled: Sequence[tuple[Waiting, Entry]]) -> None:
        """Move events out, each with the entry that the log gets for it. Raises Unavailable, also where it is full."""
        if not settled:
            return
        pipe = self.client.pipeline(transaction=False)
        pipe.script_load(SETTLE)
        for one, entry in settled:
            log_keys = self.log.keys(shard_of(entry.shard_key, shards=self.log.shards))
            keys = (*log_keys, DUE, BODIES, SIZE, *map(_index, one.raw_ids))
            arguments = (self.log.max_shard_bytes, one.key, CODES[entry.kind], entry.body, entry.names)
            pipe.evalsha(self._settle.sha, len(keys), *keys, *arguments)
        with as_unavailable():
            pipe.execute()

    def forget(self, waiting: Iterable[Waiting]) -> int:
        """Remove events, for the erasure of a shopper; return the number removed. Raises Unavailable."""
        with as_unavailable():
            return sum(
                int(self._forget(keys=("", "", DUE, BODIES, SIZE, *map(_index, one.raw_ids)), args=(one.key,)))
                for one in waiting
            )

    def length(self) -> int:
        """Return how many events wait. Raises Unavailable."""
        with as_unavailable():
            count: Any = self.client.zcard(DUE)
        return int(count)

    def _bodies(self, names: Sequence[bytes]) -> list[bytes]:
        bodies: list[Any] = self.client.hmget(BODIES, names) if names else []
        return [body for body in bodies if body is not None]


def _index(raw_id: str) -> str:
    return f"{INDEX}{raw_id}"

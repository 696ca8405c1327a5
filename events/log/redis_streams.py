"""The log on Redis Streams (Valkey when embedded): one stream for each shard.

The server must run with `appendfsync always`, so that a kill loses no acknowledged event, and with `noeviction`.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

import redis

from common.errors import Unavailable
from common.redis import Script, run_scripts
from events.log.base import Batch, Entry, EntryKind, Log, shard_of
from events.log.latest import LATEST, NOTE, position_of
from events.log.offsets import SEQUENCE_BITS, offset_of, stream_id

KINDS: Final[dict[bytes, EntryKind]] = {b"e": "event", b"s": "set_aside", b"c": "counted"}
CODES: Final = {kind: code for code, kind in KINDS.items()}
ENTRY_OVERHEAD: Final = 32
"""Bytes of an entry besides its body: id, field names, bookkeeping."""

APPEND_FUNCTION: Final = f"""
{NOTE}
local function append(first)
  local size = tonumber(redis.call('GET', KEYS[2]) or '0')
  local added = 0
  for i = first, #ARGV, 3 do added = added + #ARGV[i + 1] + {ENTRY_OVERHEAD} end
  if size + added > tonumber(ARGV[1]) then return redis.error_reply('LOGFULL ' .. size) end
  local last = '0-0'
  for i = first, #ARGV, 3 do
    last = redis.call('XADD', KEYS[1], '*', 'k', ARGV[i], 'b', ARGV[i + 1])
    note(ARGV[i + 2], last)
  end
  redis.call('INCRBY', KEYS[2], added)
  local millisecond, n = string.match(last, '(%d+)-(%d+)')
  if tonumber(n) >= {1 << SEQUENCE_BITS - 1} then
    redis.call('XSETID', KEYS[1], string.format('%.0f-0', tonumber(millisecond) + 1))
  end
  return added
end
"""
"""While the server's clock is behind, stream ids count on within the last millisecond. Before the sequence number
outgrows an offset, the stream moves on to the next millisecond.
"""
APPEND: Final = Script(f"{APPEND_FUNCTION} return append(2)")
REMOVE: Final = f"""
local gone, size = 0, 0
for i = 1, #ARGV do
  local found = redis.call('XRANGE', KEYS[1], ARGV[i], ARGV[i])
  if #found > 0 then
    size = size + #found[1][2][4] + {ENTRY_OVERHEAD}
    gone = gone + redis.call('XDEL', KEYS[1], ARGV[i])
  end
end
if size > 0 then redis.call('DECRBY', KEYS[2], size) end
return gone
"""
REMOVE_BATCH: Final = 500
TEMPORARY_ERRORS: Final = (
    "MISCONF",
    "READONLY",
    "LOADING",
    "CLUSTERDOWN",
    "TRYAGAIN",
    "NOREPLICAS",
    "MASTERDOWN",
    "UNKILLABLE",
)
"""Answers of a server that cannot write now. Any other error is a bug of ours and is raised unchanged."""


class RedisStreams(Log):
    """Sharded Redis Streams. `max_bytes` is the limit of all shards together."""

    def __init__(self, client: redis.Redis, *, shards: int, max_bytes: int, prefix: str = "v:log") -> None:
        self.client = client
        self.shards = shards
        self.max_shard_bytes = max_bytes // shards
        self._streams = [f"{prefix}:{{{shard}}}" for shard in range(shards)]
        self._shard_of_stream = {name.encode(): shard for shard, name in enumerate(self._streams)}
        self._remove = client.register_script(REMOVE)

    def append(self, entries: Sequence[Entry]) -> None:
        """Append in one round trip; return after the server has synced its file."""
        batches: dict[int, list[bytes]] = {}
        for entry in entries:
            batch = batches.setdefault(shard_of(entry.shard_key, shards=self.shards), [])
            batch += (CODES[entry.kind], entry.body, entry.names)
        calls = [
            APPEND.call(self.keys(shard), [self.max_shard_bytes, *arguments]) for shard, arguments in batches.items()
        ]
        # No MULTI: the server syncs once for the whole pipeline anyway, and each shard may live on another node.
        with as_unavailable():
            run_scripts(*calls, server=self.client)

    def read_many(self, after: Mapping[int, int], *, count: int = 1000, block_ms: int = 0) -> Batch:
        """Read all shards in one call, which returns at the first append to any of them."""
        if not after:
            return {}
        streams: dict[Any, Any] = {self._streams[shard]: stream_id(offset) for shard, offset in after.items()}
        with as_unavailable():
            answer: Any = self.client.xread(streams, count=count, block=block_ms or None)
        pairs = answer.items() if isinstance(answer, dict) else answer or ()
        return {self._shard_of_stream[bytes(name)]: list(_entries(rows)) for name, rows in pairs}

    def read_named(self, names: Iterable[bytes]) -> Batch:
        """Return the entries of these names in one round trip; what was trimmed is absent."""
        positions = sorted(map(position_of, names))
        pipe = self.client.pipeline(transaction=False)
        for shard, offset in positions:
            pipe.xrange(self._streams[shard], min=stream_id(offset), max=stream_id(offset))
        batch: Batch = {}
        with as_unavailable():
            for (shard, _), rows in zip(positions, pipe.execute(), strict=True):
                batch.setdefault(shard, []).extend(_entries(rows))
        return {shard: rows for shard, rows in batch.items() if rows}

    def forget_names(self, raw_ids: Iterable[str]) -> None:
        """Delete the lists of these raw ids."""
        with as_unavailable():
            if names := [f"{LATEST}{raw_id}" for raw_id in raw_ids]:
                self.client.delete(*names)

    def first(self, shard: int) -> int | None:
        """Return the offset of the oldest entry kept."""
        with as_unavailable():
            rows: Any = self.client.xrange(self._streams[shard], count=1)
        return offset_of(rows[0][0]) if rows else None

    def last(self, shard: int) -> int:
        """Return the last assigned offset, even if that entry was removed."""
        with as_unavailable():
            if not self.client.exists(self._streams[shard]):
                return 0
            info: Any = self.client.xinfo_stream(self._streams[shard])
        return offset_of(info["last-generated-id"])

    def backlog(self, shard: int, after: int) -> int:
        """Return an estimate, by time, of the entries after the offset; exact when there are none."""
        with as_unavailable():
            rows: Any = self.client.xrange(self._streams[shard], min="(" + stream_id(after), count=1)
            if not rows:
                return 0
            info: Any = self.client.xinfo_stream(self._streams[shard])
        total, oldest, newest = info["length"], offset_of(info["first-entry"][0]), offset_of(info["last-entry"][0])
        share = (newest - offset_of(rows[0][0])) / max(1, newest - oldest)
        return max(1, int(total * share))

    def length(self) -> int:
        """Return the number of entries of all shards."""
        with as_unavailable():
            lengths: list[Any] = [self.client.xlen(stream) for stream in self._streams]
        return sum(int(length) for length in lengths)

    def size_bytes(self, shard: int | None = None) -> int:
        """Return the bytes that count against the limit, of one shard or of all."""
        shards = range(self.shards) if shard is None else [shard]
        with as_unavailable():
            values: Any = self.client.mget([self.keys(one)[1] for one in shards])
        return sum(int(value or 0) for value in values)

    def trim(self, shard: int, *, consumed: int, keep_since_ms: int) -> int:
        """Remove entries that every consumer has read and retention allows, a few hundred at a time."""
        newest = min(consumed, max(0, (keep_since_ms << SEQUENCE_BITS) - 1))
        removed = 0
        with as_unavailable():
            while rows := self._oldest(shard, newest):
                removed += int(self._remove(keys=self.keys(shard), args=rows))
        return removed

    def forget(self, shard: int, offsets: Sequence[int]) -> int:
        """Remove single entries."""
        with as_unavailable():
            return int(self._remove(keys=self.keys(shard), args=[stream_id(offset) for offset in offsets]))

    def _oldest(self, shard: int, newest: int) -> list[bytes]:
        rows: Any = self.client.xrange(self._streams[shard], max=stream_id(newest), count=REMOVE_BATCH)
        return [row[0] for row in rows]

    def keys(self, shard: int) -> tuple[str, str]:
        """Return the keys of a shard's stream and of its size."""
        stream = self._streams[shard]
        return stream, f"{stream}:bytes"


@contextmanager
def as_unavailable() -> Iterator[None]:
    """Raise `Unavailable` for errors that keep the server from answering."""
    try:
        yield
    except redis.exceptions.RedisError as error:
        if "LOGFULL" in str(error) or isinstance(error, redis.exceptions.OutOfMemoryError):
            raise Unavailable("The event log is full; send the same again later.", retry_after=10) from error
        if isinstance(error, redis.exceptions.ResponseError) and not str(error).startswith(TEMPORARY_ERRORS):
            raise
        raise Unavailable("The event log is not reachable; send the same again.") from error


def _entries(rows: Sequence[tuple[bytes, Mapping[bytes, bytes] | None]]) -> Iterator[tuple[int, Entry]]:
    for identity, fields in rows:
        if fields:
            yield offset_of(identity), Entry(KINDS[fields[b"k"]], "", fields[b"b"])

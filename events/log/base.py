"""The interface of the event log: an ordered, durable, sharded list.

Offsets are whole numbers that grow within a shard; 0 lies before the first entry. Every engine passes the tests of
`tests/behaviour/test_log.py`.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal
from zlib import crc32

import msgspec

EntryKind = Literal["event", "set_aside", "counted"]
Batch = dict[int, list[tuple[int, "Entry"]]]
"""Shard to its new entries with their offsets, in order; shards without new entries are absent."""


class Entry(msgspec.Struct, frozen=True):
    """One line of the log.

    `event`: `events.types.base.Event.encode()`. `set_aside`: JSON of a rejected item with reason and field. `counted`:
    JSON of a day, a name and a reason, without any id. Entries with the same `shard_key` keep their order.

    `subjects` are the raw ids whose next answer must know this entry.
    """

    kind: EntryKind
    shard_key: str
    body: bytes
    subjects: tuple[str, ...] = ()

    @property
    def names(self) -> bytes:
        """The subjects as one text, one a line; ids with line breaks are left out."""
        return "\n".join(one for one in self.subjects if "\n" not in one).encode("utf-8", "surrogatepass")


def shard_of(shard_key: str, *, shards: int) -> int:
    """Return the shard that holds the key."""
    return crc32(shard_key.encode()) % shards


class Log(ABC):
    """The contract of an engine.

    Every method raises `common.errors.Unavailable` while the engine does not answer.
    """

    shards: int

    @abstractmethod
    def append(self, entries: Sequence[Entry]) -> None:
        """Append all entries; return when they are durable. Raises `errors.Unavailable` when the log is full or down.

        After an error some entries may be in the log. Append the same again: the recorder knows them by message id.
        """

    @abstractmethod
    def read_many(self, after: Mapping[int, int], *, count: int = 1000, block_ms: int = 0) -> Batch:
        """Return up to `count` entries of each shard after its offset; wait up to `block_ms` if there are none."""

    @abstractmethod
    def read_named(self, names: Iterable[bytes]) -> Batch:
        """Return the entries of these names, as `latest` gives them; what was trimmed is absent."""

    @abstractmethod
    def forget_names(self, raw_ids: Iterable[str]) -> None:
        """Forget which entries are about these raw ids, for the erasure of a shopper."""

    @abstractmethod
    def first(self, shard: int) -> int | None:
        """Return the offset of the oldest entry that is kept, or None when the shard is empty."""

    @abstractmethod
    def last(self, shard: int) -> int:
        """Return the offset of the newest entry ever appended, 0 before the first."""

    @abstractmethod
    def backlog(self, shard: int, after: int) -> int:
        """Return the number of entries after an offset; engines may estimate."""

    @abstractmethod
    def length(self) -> int:
        """Return how many entries are kept."""

    @abstractmethod
    def size_bytes(self, shard: int | None = None) -> int:
        """Return the bytes that count against the limit, of one shard or of all. Each shard has an equal share of the
        limit.
        """

    @abstractmethod
    def trim(self, shard: int, *, consumed: int, keep_since_ms: int) -> int:
        """Remove entries that are both at or before `consumed` and older than `keep_since_ms`; return the number
        removed.
        """

    @abstractmethod
    def forget(self, shard: int, offsets: Sequence[int]) -> int:
        """Remove single entries, for the erasure of a shopper; return the number removed."""

    def read(
        self, shard: int, after: int | None = None, count: int = 1000, block_ms: int = 0
    ) -> list[tuple[int, Entry]]:
        """Return up to `count` entries of one shard after the offset."""
        return self.read_many({shard: after or 0}, count=count, block_ms=block_ms).get(shard, [])

"""The live counts of earlier moments."""

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from events.log.offsets import offset_of
from profiles.counted_rows import Field
from profiles.models import CountHistory

Entry = tuple[int, dict[Field, int]]
"""A position of the stream of changes, and the new values there."""


@dataclass(slots=True)
class PastCounts:
    """Reads the history of the live counts. Positions in ascending order are read once each."""

    _base: int = -1
    _entries: list[Entry] = field(default_factory=list)
    _counts: dict[Field, int] = field(default_factory=dict)
    _n_applied: int = 0
    _read_to: int = 0

    def at(self, position: str) -> Mapping[Field, int] | None:
        """Return the counts at a position; None where its history is not kept, or not yet. Valid until the next call.

        A field whose count is 0 may be among them.
        """
        offset = offset_of(position.encode())
        base = CountHistory.objects.filter(after=0, position__lte=offset).order_by("-position").defer("content").first()
        if base is None:
            return None
        if base.position != self._base:
            self._base, self._entries, self._read_to = base.position, [], 0
            self._counts, self._n_applied = {}, 0
        self._read(offset)
        if self._n_applied and self._entries[self._n_applied - 1][0] > offset:
            self._counts, self._n_applied = {}, 0
        while self._n_applied < len(self._entries) and self._entries[self._n_applied][0] <= offset:
            self._counts.update(self._entries[self._n_applied][1])
            self._n_applied += 1
        return self._counts if self._n_applied and self._entries[self._n_applied - 1][0] == offset else None

    def _read(self, offset: int) -> None:
        """Read rows up to the position, as far as each follows the one before."""
        if self._read_to >= offset:
            return
        rows = CountHistory.objects.filter(position__gt=self._read_to, position__gte=self._base).order_by("position")
        for row in rows.iterator(chunk_size=100):
            if row.after != self._read_to and row.position != self._base:
                return
            for at, *parts in orjson.loads(zlib.decompress(row.content)):
                self._entries.append((at, _fields(parts)))
            self._read_to = row.position
            if row.position >= offset:
                return


def _fields(parts: list[Any]) -> dict[Field, int]:
    names = (name.split(":", 2) for name in parts[::2])
    fields = (Field(kind, int(day), name.encode()) for kind, day, name in names)
    return dict(zip(fields, parts[1::2], strict=True))

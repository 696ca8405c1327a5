"""This process's copy of the live counts, followed through the stream of their changes."""

from collections.abc import Iterable, Mapping

import numpy as np

from common import clock
from profiles.counted_rows import DAY_US, DAYS, ITEM, PAIR, Field
from profiles.selectors.live_counts import all_counts, changes_since
from recsys.arrays import Floats
from recsys.data.recent_counts import ItemCounts, PairCounts, RecentCounts, fixed_point

Sums = dict[int, int]
"""The count of an item code, or of a pair: the code of its source times 2 ** 32, plus that of its target."""


class LiveCounts:
    """The counts as last read, and their sums in codes of the catalog. One thread uses it."""

    def __init__(self) -> None:
        self.version = 0
        """Changes with every change of the counts and with the day; 0 while nothing was counted."""
        self._position: bytes | None = None
        self._today = 0
        self._counts: dict[Field, int] = {}
        self._codes: Mapping[str, int] = {}
        self._weights: tuple[int, ...] = ()
        self._sums: dict[tuple[str, int], Sums] = {}

    @classmethod
    def past(cls, counts: Mapping[Field, int], *, day: int) -> "LiveCounts":
        """Return the counts of an earlier moment on that day, in days since 1970."""
        past = cls()
        past._today = day
        past._add((one, count) for one, count in counts.items() if one.day > day - DAYS)
        return past

    @property
    def position(self) -> str:
        """The position of the newest change that was read."""
        return "" if self._position is None else self._position.decode()

    def poll(self) -> None:
        """Read what changed since the last call. Raises redis errors."""
        changes = None if self._position is None else changes_since(self._position)
        is_whole = changes is None
        if changes is None:
            changes = all_counts()
        today = clock.epoch_us() // DAY_US
        if is_whole:
            self._counts, self._sums = {}, {}
        self._add(changes.counts)
        if changes.counts or is_whole or today != self._today:
            if is_whole or today != self._today:
                self._forget_before(today - DAYS + 1)
            self.version += 1 if self._counts or self.version else 0
        self._position, self._today = changes.position, today

    def recent_counts(self, codes: Mapping[str, int], weights: Floats) -> RecentCounts:
        """Return the counts in codes of the catalog, weighted by signal. Products that it lacks are left out."""
        units = tuple(fixed_point(weights).tolist())
        if codes is not self._codes or units != self._weights:
            self._codes, self._weights, self._sums = codes, units, {}
            counts, self._counts = self._counts, {}
            self._add(counts.items())
        return RecentCounts(
            today=self._today,
            n_items=len(codes),
            items={day: _item_counts(sums) for (kind, day), sums in self._sums.items() if kind == ITEM},
            pairs={day: _pair_counts(sums) for (kind, day), sums in self._sums.items() if kind == PAIR},
        )

    def _add(self, counts: Iterable[tuple[Field, int]]) -> None:
        for one, count in counts:
            change = count - self._counts.pop(one, 0)
            if count:
                self._counts[one] = count
            signal, key = self._parsed(one)
            if key is not None and change and signal < len(self._weights):
                sums = self._sums.setdefault((one.kind, one.day), {})
                sums[key] = sums.get(key, 0) + change * self._weights[signal]

    def _parsed(self, one: Field) -> tuple[int, int | None]:
        """Return the code of the signal and the key of the sum; None for products that the catalog lacks."""
        signal, _, names = one.name.decode().partition(":")
        codes = [self._codes.get(name) for name in names.split("\0")]
        if None in codes:
            return int(signal), None
        return int(signal), codes[0] if one.kind == ITEM else (codes[0] or 0) << 32 | (codes[-1] or 0)

    def _forget_before(self, day: int) -> None:
        self._counts = {one: count for one, count in self._counts.items() if one.day >= day}
        self._sums = {key: sums for key, sums in self._sums.items() if key[1] >= day}


def _item_counts(sums: Sums) -> ItemCounts:
    keys, counts = _columns(sums)
    return ItemCounts(keys.astype(np.int32), counts)


def _pair_counts(sums: Sums) -> PairCounts:
    keys, counts = _columns(sums)
    return PairCounts((keys >> 32).astype(np.int32), (keys & 0xFFFF_FFFF).astype(np.int32), counts)


def _columns(sums: Sums) -> tuple[np.ndarray[tuple[int], np.dtype[np.int64]], ...]:
    return np.fromiter(sums.keys(), np.int64, len(sums)), np.fromiter(sums.values(), np.int64, len(sums))

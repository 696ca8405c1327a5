"""The columns of many profiles end to end, so that one code computes features for one shopper or for thousands."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from recsys.arrays import (
    Floats,
    Ints,
    Longs,
    Times,
)
from recsys.data.profile import Profile


@dataclass(frozen=True, slots=True)
class ProfileColumns:
    """Events of all profiles end to end. `rows` (int64, ascending) is the profile of each; `now` is per profile."""

    rows: Longs
    items: Ints
    times: Times
    signals: NDArray[np.int8]
    weights: Floats
    values: Floats
    steps: Floats
    now: Times

    @property
    def n_profiles(self) -> int:
        """The number of profiles."""
        return len(self.now)

    @classmethod
    def of(cls, profiles: Sequence[Profile]) -> Self:
        """Return the profiles' columns end to end; `steps` counts the distinct moments after the event."""
        sizes = np.fromiter((len(p.items) for p in profiles), np.int64, len(profiles))
        rows = np.repeat(np.arange(len(profiles), dtype=np.int64), sizes)
        times = _concatenate([p.times for p in profiles], np.float64)
        return cls(
            rows=rows,
            items=_concatenate([p.items for p in profiles], np.int32),
            times=times,
            signals=_concatenate([p.signals for p in profiles], np.int8),
            weights=_concatenate([p.weights for p in profiles], np.float32),
            values=_concatenate([p.values for p in profiles], np.float32),
            steps=_steps_back(rows, times, sizes),
            now=np.fromiter((p.now for p in profiles), np.float64, len(profiles)),
        )

    @property
    def events(self) -> "Events":
        """The columns that features read, for compiled code."""
        starts = np.searchsorted(self.rows, np.arange(self.n_profiles + 1))
        return Events(starts, self.items, self.times, self.signals, self.weights, self.steps, self.now)


class Events(NamedTuple):
    """Columns of `ProfileColumns`, for compiled code: those of shopper i are from `starts[i]` to `starts[i + 1]`."""

    starts: Longs
    items: Ints
    times: Times
    signals: NDArray[np.int8]
    weights: Floats
    steps: Floats
    now: Times


class Pairs(NamedTuple):
    """Candidates, for compiled code: the items of shopper i are from `starts[i]` to `starts[i + 1]`."""

    starts: Longs
    items: Longs


def _concatenate(columns: list[NDArray[np.generic]], dtype: type[np.generic]) -> NDArray:  # type: ignore[type-arg]
    return np.concatenate(columns).astype(dtype, copy=False) if columns else np.empty(0, dtype)


def _steps_back(rows: Longs, times: Times, sizes: Longs) -> Floats:
    if not len(rows):
        return np.empty(0, np.float32)
    is_new_moment = np.ones(len(rows), bool)
    is_new_moment[1:] = (times[1:] != times[:-1]) | (rows[1:] != rows[:-1])
    moment = np.cumsum(is_new_moment)
    last = moment[np.maximum(np.cumsum(sizes) - 1, 0)]
    steps: Floats = (last[rows] - moment).astype(np.float32)
    return steps

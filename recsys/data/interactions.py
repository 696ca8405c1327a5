"""Interactions as columns. Times are seconds since the epoch, UTC (float64)."""

from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from recsys.arrays import Bools, Floats, Ints, Times

DAY = 86_400.0
"""A day in seconds."""


@dataclass(frozen=True, slots=True)
class Interactions:
    """Columns of equal length n, sorted by time (stable).

    * `users`: codes in [0, n_users)
    * `items`: catalog codes
    * `times`: seconds since the epoch
    * `signals`: positions in SIGNAL_NAMES
    * `weights`: how much the row counts, above 0
    * `values`: the stars of a rating, 1.0 elsewhere
    * `baskets`: code of the order or session, -1 if unknown

    `shoppers` has the attributes of each user code as "key=value" strings, or is (); models may store aggregates of
    them only. `explicit_ratings`: shoppers gave all stars themselves. In other data, equal stars on all ratings are
    probably a default value. `clock` is the moment from which weights decay; None means the latest row.
    """

    users: Ints
    items: Ints
    times: Times
    signals: NDArray[np.int8]
    weights: Floats
    values: Floats
    baskets: Ints
    n_users: int
    shoppers: tuple[tuple[str, ...], ...] = ()
    explicit_ratings: bool = False
    clock: float | None = None

    def __len__(self) -> int:
        return len(self.items)

    @property
    def now(self) -> float:
        """The moment from which weights decay, in seconds; 0 without rows and clock."""
        return float(self.times.max(initial=0.0)) if self.clock is None else self.clock

    @property
    def active_users(self) -> Bools:
        """bool[n_users]: which users have rows."""
        return np.bincount(self.users, minlength=self.n_users) > 0

    @property
    def columns(self) -> dict[str, NDArray[Any]]:
        """The columns by name."""
        names = ("users", "items", "times", "signals", "weights", "values", "baskets")
        return {name: getattr(self, name) for name in names}

    def select(self, rows: slice | NDArray[np.generic]) -> Self:
        """Return the given rows (slice, mask or indices), in that order."""
        columns: dict[str, Any] = {name: column[rows] for name, column in self.columns.items()}
        return replace(self, **columns)

"""Who did what to which item, as columns. Times are seconds since the epoch, UTC (float64)."""

from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from recsys.arrays import Floats, Ints, Times

DAY = 86_400.0
"""Seconds."""


@dataclass(frozen=True, slots=True)
class Interactions:
    """Who did what to which item: columns of equal length n, sorted by time (stable).

    `users` codes in [0, n_users); `items` catalog codes; `signals` codes into SIGNAL_NAMES; `weights` > 0, how much
    the interaction counts; `values` the stars of a rating (1.0 elsewhere); `baskets` code of the order or session the
    row belongs to, -1 where unknown. `shoppers` are the attributes of each user code as "key=value" strings, () where
    nobody's are known; only aggregates of them may be learnt. `stated` says that shoppers gave all stars themselves: in
    a file, one number on every rating fills a column that had to be there.
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
    stated: bool = False

    def __len__(self) -> int:
        return len(self.items)

    @property
    def columns(self) -> dict[str, NDArray[Any]]:
        """The columns of its rows by name."""
        names = ("users", "items", "times", "signals", "weights", "values", "baskets")
        return {name: getattr(self, name) for name in names}

    def some(self, rows: slice | NDArray[np.generic]) -> Self:
        """Return some of the rows, in the order asked for."""
        chosen: dict[str, Any] = {name: column[rows] for name, column in self.columns.items()}
        return replace(self, **chosen)

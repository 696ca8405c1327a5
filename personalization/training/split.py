"""The past and the future of a dataset: temporal cuts, shoppers at a moment. Nothing here looks past its moment."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from personalization.recommenders.base import Interactions, Profile

Longs = NDArray[np.int64]
SHARES = (0.70, 0.85)
"""Where validation and the test start. The ranker learns in windows before (`folds.learning_folds`)."""


def cut_times(times: NDArray[np.float64], shares: Sequence[float] = SHARES) -> list[float]:
    """Return the timestamps of rows ⌊share · n⌋ of time-sorted rows."""
    return [float(times[min(int(np.floor(share * len(times))), len(times) - 1)]) for share in shares]


def before(interactions: Interactions, moment: float) -> Interactions:
    """Return the rows strictly earlier than the moment."""
    return taken(interactions, slice(0, int(np.searchsorted(interactions.times, moment, side="left"))))


def taken(interactions: Interactions, rows: slice | NDArray[np.generic]) -> Interactions:
    """Return some of the rows, in the order asked for."""
    return replace(
        interactions,
        users=interactions.users[rows],
        items=interactions.items[rows],
        times=interactions.times[rows],
        signals=interactions.signals[rows],
        weights=interactions.weights[rows],
        values=interactions.values[rows],
        baskets=interactions.baskets[rows],
    )


@dataclass(frozen=True, slots=True)
class Sequences:
    """Rows sorted by shopper, then time (stable): shopper u has the rows [starts[u], starts[u + 1])."""

    rows: Interactions
    starts: Longs

    @classmethod
    def of(cls, interactions: Interactions) -> "Sequences":
        """Return the sequences of all shoppers of time-sorted rows."""
        order = np.argsort(interactions.users, kind="stable")
        rows = taken(interactions, order)
        return cls(rows, np.searchsorted(rows.users, np.arange(interactions.n_users + 1)))

    def profile(self, first: int, end: int, *, now: float, newest: int | None = None) -> Profile:
        """Return the rows [first, end) of one shopper as a profile, cut to the `newest` ones."""
        part = slice(first if newest is None else max(first, end - newest), end)
        rows = self.rows
        return Profile(
            items=rows.items[part],
            times=rows.times[part],
            signals=rows.signals[part],
            weights=rows.weights[part],
            values=rows.values[part],
            now=now,
            attributes=rows.shoppers[int(rows.users[first])] if rows.shoppers and first < end else (),
        )

    def profiles(self, users: Longs, *, now: float, newest: int | None = None) -> list[Profile]:
        """Return the whole profiles of some shoppers."""
        bounds = zip(self.starts[users].tolist(), self.starts[users + 1].tolist(), strict=True)
        return [self.profile(first, end, now=now, newest=newest) for first, end in bounds]

"""Temporal splits of a dataset, and profiles of shoppers at a time. Nothing here uses later rows."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recsys.arrays import Longs
from recsys.data.interactions import Interactions
from recsys.data.opinions import opinions_of, ratings_differ, without_disliked
from recsys.data.profile import Profile
from recsys.data.signals import LASTING, RATING, SIGNAL_NAMES

SPLIT_SHARES = (0.70, 0.85)
"""The shares of rows before validation and before the test. The ranker trains in earlier windows (`learning_folds`)."""
MIN_TRAIN_SHARE = 0.3
"""The least share of rows before validation."""

IS_LASTING = np.isin(SIGNAL_NAMES, list(LASTING))
"""bool[n_signals]: whether live profiles keep the signal in a list of its own."""


def cut_times(times: NDArray[np.float64], shares: Sequence[float] = SPLIT_SHARES) -> list[float]:
    """Return the times of rows ⌊share · n⌋ of sorted times."""
    # Rounded first, since .7 · 90 is a little less than 63.
    return [float(times[min(int(round(share * len(times), 6)), len(times) - 1)]) for share in shares]


def split_times(times: NDArray[np.float64], shares: Sequence[float] = SPLIT_SHARES) -> tuple[float, float, float]:
    """Return the start times of validation and test, and the share of rows before validation.

    If both starts are equal (a clock of months, an import of one day), validation starts at the previous distinct time;
    otherwise it would be empty.
    """
    validation, test = cut_times(times, shares)
    earlier = float(times[max(0, int(np.searchsorted(times, test)) - 1)])
    share = int(np.searchsorted(times, earlier)) / len(times)
    if validation < test or share < MIN_TRAIN_SHARE:
        return validation, test, shares[0]
    return earlier, test, share


def rows_before(interactions: Interactions, moment: float) -> Interactions:
    """Return the rows before a time."""
    return interactions.select(slice(0, int(np.searchsorted(interactions.times, moment, side="left"))))


@dataclass(frozen=True, slots=True)
class Sequences:
    """Rows sorted by shopper, then time (stable): shopper u has the rows [starts[u], starts[u + 1]).

    `use_stars`: ratings differ, so a low one is a dislike.
    """

    rows: Interactions
    starts: Longs
    use_stars: bool

    @classmethod
    def of(cls, interactions: Interactions) -> "Sequences":
        """Return the sequences of all shoppers of time-sorted rows."""
        order = np.argsort(interactions.users, kind="stable")
        rows = interactions.select(order)
        starts = np.searchsorted(rows.users, np.arange(interactions.n_users + 1))
        return cls(rows, starts, ratings_differ(interactions))

    def profile(self, first: int, end: int, *, now: float, max_events: int | None = None) -> Profile:
        """Return the rows [first, end) of one shopper as a profile at the time `now`.

        With `max_events` the profile is as an answer sees it: so many rows of lasting signals (purchases, opinions), so
        many of the others, and no weight for what the shopper dislikes.
        """
        rows = self.rows
        part: slice | Longs = slice(first, end)
        if max_events is not None and end - first > max_events:
            lasting = IS_LASTING[rows.signals[first:end]]
            latest = [first + np.flatnonzero(mask)[-max_events:] for mask in (lasting, ~lasting)]
            part = np.sort(np.concatenate(latest))
        profile = Profile(
            items=rows.items[part],
            times=rows.times[part],
            signals=rows.signals[part],
            weights=rows.weights[part],
            values=rows.values[part],
            now=now,
            attributes=rows.shoppers[int(rows.users[first])] if rows.shoppers and first < end else (),
        )
        if max_events is None or not self.use_stars or not (profile.signals == RATING).any():
            return profile
        return without_disliked(profile, opinions_of(profile))

    def profiles(self, users: Longs, *, now: float, max_events: int | None = None) -> list[Profile]:
        """Return the profiles of shopper codes, with all their rows."""
        bounds = zip(self.starts[users].tolist(), self.starts[users + 1].tolist(), strict=True)
        return [self.profile(first, end, now=now, max_events=max_events) for first, end in bounds]

"""The past and the future of a dataset: temporal cuts, shoppers at a moment. Nothing here looks past its moment."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recsys.arrays import Longs
from recsys.data.interactions import Interactions
from recsys.data.opinions import opinions_of, ratings_differ, without_disliked
from recsys.data.profile import Profile
from recsys.data.signals import LASTING, RATING, SIGNAL_NAMES

SHARES = (0.70, 0.85)
"""Where validation and the test start. The ranker learns in windows before (`folds.learning_folds`)."""
LEAST_BEFORE = 0.3
"""Share of rows that must lie before validation, so that there is something to learn from, and something before it."""

LASTING_CODES = np.isin(SIGNAL_NAMES, list(LASTING))
"""By signal code: whether live profiles keep the newest of it apart from browsing."""


def cut_times(times: NDArray[np.float64], shares: Sequence[float] = SHARES) -> list[float]:
    """Return the timestamps of rows ⌊share · n⌋ of time-sorted rows."""
    # Rounded before: .7 · 90 is a little less than 63.
    return [float(times[min(int(round(share * len(times), 6)), len(times) - 1)]) for share in shares]


def starts(times: NDArray[np.float64], shares: Sequence[float] = SHARES) -> tuple[float, float, float]:
    """Return the times at which validation and the test start, and the share of rows before validation.

    Where one time stands at both cuts (a clock of months, an import of a day), validation is what bears the time before
    it: there would be no row between, and no ranker could learn.
    """
    validation, test = cut_times(times, shares)
    earlier = float(times[max(0, int(np.searchsorted(times, test)) - 1)])
    share = int(np.searchsorted(times, earlier)) / len(times)
    if validation < test or share < LEAST_BEFORE:
        return validation, test, shares[0]
    return earlier, test, share


def before(interactions: Interactions, moment: float) -> Interactions:
    """Return the rows strictly earlier than the moment."""
    return interactions.some(slice(0, int(np.searchsorted(interactions.times, moment, side="left"))))


@dataclass(frozen=True, slots=True)
class Sequences:
    """Rows sorted by shopper, then time (stable): shopper u has the rows [starts[u], starts[u + 1]).

    `rated` says that ratings differ, so that a low one is a dislike.
    """

    rows: Interactions
    starts: Longs
    rated: bool

    @classmethod
    def of(cls, interactions: Interactions) -> "Sequences":
        """Return the sequences of all shoppers of time-sorted rows."""
        order = np.argsort(interactions.users, kind="stable")
        rows = interactions.some(order)
        starts = np.searchsorted(rows.users, np.arange(interactions.n_users + 1))
        return cls(rows, starts, ratings_differ(interactions))

    def profile(self, first: int, end: int, *, now: float, max_events: int | None = None) -> Profile:
        """Return the rows [first, end) of one shopper as a profile.

        With `max_events` the profile is as an answer sees it: so many rows of lasting signals (purchases, opinions), so
        many of the others, and no weight for what the shopper dislikes.
        """
        rows = self.rows
        part: slice | Longs = slice(first, end)
        if max_events is not None and end - first > max_events:
            lasting = LASTING_CODES[rows.signals[first:end]]
            kept = [first + np.flatnonzero(kind)[-max_events:] for kind in (lasting, ~lasting)]
            part = np.sort(np.concatenate(kept))
        profile = Profile(
            items=rows.items[part],
            times=rows.times[part],
            signals=rows.signals[part],
            weights=rows.weights[part],
            values=rows.values[part],
            now=now,
            attributes=rows.shoppers[int(rows.users[first])] if rows.shoppers and first < end else (),
        )
        if max_events is None or not self.rated or not (profile.signals == RATING).any():
            return profile
        return without_disliked(profile, opinions_of(profile))

    def profiles(self, users: Longs, *, now: float, max_events: int | None = None) -> list[Profile]:
        """Return the whole profiles of some shoppers."""
        bounds = zip(self.starts[users].tolist(), self.starts[users + 1].tolist(), strict=True)
        return [self.profile(first, end, now=now, max_events=max_events) for first, end in bounds]

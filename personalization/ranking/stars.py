"""What ratings taught: how many stars a shopper would give an item. Learnt by Surprise's SVD on ratings alone.

Only items are kept; the shopper's part is solved for from the ratings in the profile when asked (docs/adr/0011). A
shop without ratings, or with one value for all of them, has nothing to teach: there is no `Stars` then.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import surprise

from personalization.ranking.groups import Doubles, Longs
from personalization.ranking.shoppers import Shoppers
from personalization.recommenders import storage
from personalization.recommenders.base import SIGNAL_NAMES, Floats, Interactions, Profile
from personalization.recommenders.factors import solved
from personalization.recommenders.svd import Columns

PREDICTED = "predicted_stars"
"""The ranker's feature: stars the shopper would give the item; NaN where shopper or item was never rated with."""
FILE = "stars.npz"
RATING = SIGNAL_NAMES.index("rating")
FACTORS, EPOCHS, LEARNING_RATE, REG, SEED = 20, 20, 0.02, 0.1, 7
MOST_ROWS = 500_000
"""The newest ratings that are learnt from, which bounds time."""
TASTE_RIDGE, GENEROSITY_RIDGE = 2.0, 4.0
"""Fixed, not growing with the ratings as in training: one rating shall not make a shopper's whole taste."""


@dataclass(frozen=True, slots=True)
class Stars:
    """Stars = mean + bias + vector · taste + generosity, within [low, high].

    `bias` is float32[n], NaN for items nobody rated; `vectors` float32[n, factors]. Items beyond n are unknown.
    """

    mean: float
    low: float
    high: float
    bias: Floats
    vectors: Floats

    @classmethod
    def fit(cls, interactions: Interactions, n_items: int, *, until: float) -> Self | None:
        """Return what the ratings up to `until` taught; None where there are none, or all are equal."""
        rows = latest_ratings(interactions, until=until)[-MOST_ROWS:]
        if not len(rows) or np.ptp(interactions.values[rows]) == 0:
            return None
        rows = np.random.default_rng(SEED).permutation(rows)
        users, items = interactions.users[rows], interactions.items[rows]
        values = interactions.values[rows].astype(np.float64)
        model = surprise.SVD(n_factors=FACTORS, n_epochs=EPOCHS, lr_all=LEARNING_RATE, reg_all=REG, random_state=SEED)
        model.fit(Columns(users, items, values, interactions.n_users, n_items))
        bias = model.bi.astype(np.float32)
        bias[np.bincount(items, minlength=n_items) == 0] = np.nan
        vectors = model.qi.astype(np.float32)
        return cls(float(values.mean()), float(values.min()), float(values.max()), bias, vectors)

    def predicted(self, shoppers: Shoppers, rows: Longs, items: Longs) -> Doubles:
        """Return the stars of the pairs (rows[i], items[i]); NaN where shopper or item is unknown to ratings."""
        stars = np.full(len(rows), np.nan)
        for shopper, taste in self._tastes(shoppers):
            own = slice(*np.searchsorted(rows, (shopper, shopper + 1)).tolist())
            stars[own] = self._stars(taste, items[own])
        return stars

    def of(self, profile: Profile, item: int) -> float | None:
        """Return the stars that the shopper would give one item, None where nothing is known of either."""
        found = self.predicted(Shoppers.of([profile]), np.zeros(1, np.int64), np.array([item], np.int64))
        return None if np.isnan(found[0]) else float(found[0])

    def _tastes(self, shoppers: Shoppers) -> Iterator[tuple[int, Floats]]:
        """Yield each shopper with known ratings and float32[factors + 1]: taste, and generosity behind it."""
        rated = np.flatnonzero((shoppers.signals == RATING) & (shoppers.items >= 0) & (shoppers.items < len(self.bias)))
        rated = rated[~np.isnan(self.bias[shoppers.items[rated]])]
        base = np.diag([TASTE_RIDGE] * self.vectors.shape[1] + [GENEROSITY_RIDGE])
        owners, starts = np.unique(shoppers.rows[rated], return_index=True)
        for owner, events in zip(owners.tolist(), np.split(rated, starts[1:]), strict=False):
            events = _last_of_each(shoppers.items[events], events)
            items = shoppers.items[events]
            tall = np.column_stack([self.vectors[items], np.ones(len(items), np.float32)])
            yield owner, solved(tall, np.ones(len(items)), shoppers.values[events] - self.mean - self.bias[items], base)

    def _stars(self, taste: Floats, items: Longs) -> Doubles:
        stars = np.full(len(items), np.nan)
        known = items < len(self.bias)
        codes = items[known]
        agreement = (self.vectors[codes].astype(np.float64) * taste[:-1]).sum(axis=1)
        stars[known] = np.clip(self.mean + self.bias[codes] + agreement + taste[-1], self.low, self.high)
        return stars


def latest_ratings(interactions: Interactions, *, until: float) -> Longs:
    """Return the rows of ratings up to a moment, ascending; a shopper's later rating of an item stands alone."""
    rows = np.flatnonzero((interactions.signals == RATING) & (interactions.times <= until))
    pairs = interactions.users[rows].astype(np.int64) << 32 | interactions.items[rows]
    return np.sort(_last_of_each(pairs, rows))


def _last_of_each(keys: np.ndarray, rows: Longs) -> Longs:
    """Return the row of each key's last place."""
    _, place = np.unique(keys[::-1], return_index=True)
    return rows[::-1][place]


def write_stars(directory: Path, stars: Stars | None) -> None:
    """Write `stars.npz` where ratings taught something."""
    if stars is not None:
        scale = np.array([stars.mean, stars.low, stars.high])
        storage.write_arrays(directory / FILE, {"scale": scale, "bias": stars.bias, "vectors": stars.vectors})


def read_stars(directory: Path) -> Stars | None:
    """Return what `write_stars` wrote."""
    if not (directory / FILE).exists():
        return None
    arrays = storage.read_arrays(directory / FILE)
    mean, low, high = arrays["scale"].tolist()
    return Stars(mean, low, high, arrays["bias"], arrays["vectors"])

"""What ratings taught: how many stars a shopper would give an item. Learnt by Surprise's SVD on ratings alone.

Only items are kept; the shopper's part is solved for from the ratings in the profile when asked (docs/adr/0011). A
shop without ratings, or with one value for all of them, has nothing to teach: there is no `Stars` then.

How much of a rating is taste differs from shop to shop: where most is chance, what the item and the shopper usually get
is the best guess. So a few settings predict the newest ratings, and the nearest of them learns from all.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import numpy as np

from recsys.arrays import Doubles, Floats, Longs
from recsys.data.interactions import Interactions
from recsys.data.opinions import last_row_per_key, latest_ratings
from recsys.data.profile import Profile
from recsys.data.signals import RATING
from recsys.ranking.groups import even
from recsys.ranking.shoppers import Shoppers
from recsys.sources import storage
from recsys.sources.factors import solve_weighted_ridge
from recsys.sources.svd import SVDConfig, factorize

PREDICTED = "predicted_stars"
"""The ranker's feature: stars the shopper would give the item; NaN where shopper or item was never rated with."""
FILE = "stars.npz"
SETTINGS = (
    SVDConfig(factors=20, epochs=20, learning_rate=0.02, reg=0.1),
    SVDConfig(factors=20, epochs=20, learning_rate=0.01, reg=0.1),
    SVDConfig(factors=50, epochs=30, learning_rate=0.02, reg=0.2),
)
"""How ratings may be learnt; the first where too few can be held out to choose. `docs/recommenders.md` has figures."""
RIDGES = (2.0, 8.0, 32.0)
"""How far a shopper's taste may be held back. Fixed, not growing with the ratings as in training: one rating shall not
make a shopper's whole taste."""
GENEROSITY_RIDGE = 4.0
FIVE = 5.0
"""The span of stars that the settings are for."""
MOST_ROWS, TRIED_ROWS = 500_000, 100_000
"""The newest ratings: so many are learnt from, so many with each of the settings. They bound time."""
HELD_OUT = 0.15
"""Share of the tried ratings, the newest, that the settings predict."""
LEAST_HELD, MOST_SHOPPERS = 100, 1_000
"""How many of these there must be for a choice, and of how many shoppers they are."""


@dataclass(frozen=True, slots=True)
class Stars:
    """Stars = mean + bias + vector · taste + generosity, within [low, high].

    `bias` is float32[n], NaN for items nobody rated; `vectors` float32[n, factors]. Items beyond n are unknown.
    `ridge` is how far a taste is held back.
    """

    mean: float
    low: float
    high: float
    bias: Floats
    vectors: Floats
    ridge: float = RIDGES[0]

    @classmethod
    def fit(cls, interactions: Interactions, n_items: int, *, until: float) -> Self | None:
        """Return what the ratings up to `until` taught; None where there are none, or all are equal."""
        rows = latest_ratings(interactions, until=until)[-MOST_ROWS:]
        if not len(rows) or np.ptp(interactions.values[rows]) == 0:
            return None
        config, ridge = _chosen(interactions, n_items, rows[-TRIED_ROWS:])
        return cls.learnt(interactions, n_items, rows, config).held_back(ridge)

    @classmethod
    def learnt(cls, interactions: Interactions, n_items: int, rows: Longs, config: SVDConfig) -> Self:
        """Return what these rows, ratings and one at least, teach under the settings.

        A longer scale is learnt as one of five stars: steps of the size that suits these run away on a hundred points.
        """
        rows = np.random.default_rng(config.seed).permutation(rows)
        users, items = interactions.users[rows], interactions.items[rows]
        values = interactions.values[rows].astype(np.float64)
        low, high = float(values.min()), float(values.max())
        unit = _unit(low, high)
        model = factorize(users, items, values / unit, config, n_users=interactions.n_users, n_items=n_items)
        bias = (model.bi * unit).astype(np.float32)
        bias[np.bincount(items, minlength=n_items) == 0] = np.nan
        vectors = (model.qi * unit).astype(np.float32)
        return cls(float(values.mean()), low, high, bias, vectors).held_back(RIDGES[0])

    def held_back(self, ridge: float) -> Self:
        """Return the same with tastes held back so far, as one of `RIDGES` does on a scale of five stars."""
        return replace(self, ridge=ridge * _unit(self.low, self.high) ** 2)

    def predicted(self, shoppers: Shoppers, rows: Longs, items: Longs) -> Doubles:
        """Return the stars of the pairs (rows[i], items[i]); NaN where shopper or item is unknown to ratings."""
        stars = np.full(len(rows), np.nan)
        for shopper, taste in self._tastes(shoppers):
            own = slice(*np.searchsorted(rows, (shopper, shopper + 1)).tolist())
            stars[own] = self.given(taste, items[own])
        return stars

    def taste(self, profile: Profile) -> Floats | None:
        """Return float32[factors + 1], the shopper's taste and generosity; None for who rated nothing known."""
        return next((taste for _, taste in self._tastes(Shoppers.of([profile]))), None)

    def given(self, taste: Floats, items: Longs) -> Doubles:
        """Return the stars that a shopper of this taste would give the items; NaN for items nobody rated."""
        stars = np.full(len(items), np.nan)
        known = items < len(self.bias)
        codes = items[known]
        agreement = (self.vectors[codes].astype(np.float64) * taste[:-1]).sum(axis=1)
        stars[known] = np.clip(self.mean + self.bias[codes] + agreement + taste[-1], self.low, self.high)
        return stars

    def _tastes(self, shoppers: Shoppers) -> Iterator[tuple[int, Floats]]:
        """Yield each shopper with known ratings and float32[factors + 1]: taste, and generosity behind it."""
        rated = np.flatnonzero((shoppers.signals == RATING) & (shoppers.items >= 0) & (shoppers.items < len(self.bias)))
        rated = rated[~np.isnan(self.bias[shoppers.items[rated]])]
        base = np.diag([self.ridge] * self.vectors.shape[1] + [GENEROSITY_RIDGE])
        owners, starts = np.unique(shoppers.rows[rated], return_index=True)
        for owner, events in zip(owners.tolist(), np.split(rated, starts[1:]), strict=False):
            events = last_row_per_key(shoppers.items[events], events)
            items = shoppers.items[events]
            tall = np.column_stack([self.vectors[items], np.ones(len(items), np.float32)])
            yield (
                owner,
                solve_weighted_ridge(
                    tall, np.ones(len(items)), shoppers.values[events] - self.mean - self.bias[items], base
                ),
            )


def _unit(low: float, high: float) -> float:
    """Return how many stars of a longer scale are one of five."""
    return max(1.0, (high - low) / FIVE)


def _chosen(interactions: Interactions, n_items: int, rows: Longs) -> tuple[SVDConfig, float]:
    """Return the settings and the ridge that predict the newest of these ratings (rows, ascending) best."""
    users, items, values = interactions.users, interactions.items, interactions.values
    past, held = np.split(rows, [round(len(rows) * (1 - HELD_OUT))])
    held = held[np.isin(users[held], users[past]) & np.isin(items[held], items[past])]
    asked = np.unique(users[held])
    asked = asked[even(len(asked), MOST_SHOPPERS)]
    held = held[np.isin(users[held], asked)]
    if len(held) < LEAST_HELD:
        return SETTINGS[0], RIDGES[0]
    held = held[np.argsort(users[held], kind="stable")]
    own = past[np.isin(users[past], asked)]
    own = own[np.argsort(users[own], kind="stable")]
    shoppers = Shoppers(
        rows=np.searchsorted(asked, users[own]).astype(np.int64),
        items=items[own],
        times=interactions.times[own],
        signals=interactions.signals[own],
        weights=np.ones(len(own), np.float32),
        values=values[own],
        steps=np.zeros(len(own), np.float32),
        now=np.full(len(asked), interactions.times[held].min()),
    )
    of, wanted = np.searchsorted(asked, users[held]).astype(np.int64), items[held].astype(np.int64)
    errors: dict[tuple[int, float], float] = {}
    for number, config in enumerate(SETTINGS):
        learnt = Stars.learnt(interactions, n_items, past, config)
        for ridge in RIDGES:
            found = learnt.held_back(ridge).predicted(shoppers, of, wanted)
            error = float(((found - values[held]) ** 2).mean())
            errors[number, ridge] = error if np.isfinite(error) else np.inf
    number, ridge = min(errors, key=errors.__getitem__)
    return SETTINGS[number], ridge


def write_stars(directory: Path, stars: Stars | None) -> None:
    """Write `stars.npz` where ratings taught something."""
    if stars is not None:
        scale = np.array([stars.mean, stars.low, stars.high, stars.ridge])
        storage.write_arrays(directory / FILE, {"scale": scale, "bias": stars.bias, "vectors": stars.vectors})


def read_stars(directory: Path) -> Stars | None:
    """Return what `write_stars` wrote."""
    if not (directory / FILE).exists():
        return None
    arrays = storage.read_arrays(directory / FILE)
    mean, low, high, *ridge = arrays["scale"].tolist()  # artifacts of older versions have no ridge of their own
    return Stars(mean, low, high, arrays["bias"], arrays["vectors"], *ridge)

"""Predicts the stars that a shopper would give an item. Surprise's SVD is fitted on ratings alone.

The model stores item factors only. The shopper's factors are solved for from the ratings in the profile at request
time (docs/adr/0011). A shop without ratings, or whose ratings are all equal, has no `RatingPredictor`.

How much of a rating is taste differs from shop to shop. Where most of it is noise, the biases alone predict best. So a
few configurations predict the newest ratings, and the best of them is fitted on all.
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
from recsys.ranking.groups import evenly_spaced
from recsys.ranking.profile_columns import ProfileColumns
from recsys.sources import storage
from recsys.sources.factors import solve_weighted_ridge
from recsys.sources.svd import SVDConfig, factorize

PREDICTED_STARS = "predicted_stars"
"""The ranker's feature: predicted stars; NaN where the shopper or the item has no rating."""
FILE = "stars.npz"
CANDIDATE_CONFIGS = (
    SVDConfig(factors=20, epochs=20, learning_rate=0.02, reg=0.1),
    SVDConfig(factors=20, epochs=20, learning_rate=0.01, reg=0.1),
    SVDConfig(factors=50, epochs=30, learning_rate=0.02, reg=0.2),
)
"""Configurations to choose from; the first where too few ratings can be held out. Figures: `docs/recommenders.md`."""
RIDGES = (2.0, 8.0, 32.0)
"""L2 penalties of the shopper's factors to choose from. Unlike in training they do not grow with the number of
ratings: one rating must not decide a shopper's whole taste."""
GENEROSITY_RIDGE = 4.0
FIVE_STAR_SPAN = 5.0
"""The span of ratings that the configurations are tuned for."""
MAX_RATINGS, MAX_SELECTION_RATINGS = 500_000, 100_000
"""The newest ratings: for the fit, and for each configuration of the choice. They bound the time."""
VALIDATION_SHARE = 0.15
"""Share of the ratings of the choice, the newest, that the configurations predict."""
MIN_VALIDATION_RATINGS, MAX_VALIDATION_SHOPPERS = 100, 1_000
"""The fewest such ratings for a choice, and the most shoppers they come from."""


@dataclass(frozen=True, slots=True)
class RatingPredictor:
    """rating = mean + item bias + item factors · taste + generosity, clipped to [low, high].

    `bias` is float32[n], NaN for items without ratings; `vectors` float32[n, factors]. Items beyond n are unknown.
    `ridge` is the L2 penalty of a taste.
    """

    mean: float
    low: float
    high: float
    bias: Floats
    vectors: Floats
    ridge: float = RIDGES[0]

    @classmethod
    def fit(cls, interactions: Interactions, n_items: int, *, until: float) -> Self | None:
        """Return the predictor fitted on ratings up to `until`; None where there are none, or all are equal."""
        rows = latest_ratings(interactions, until=until)[-MAX_RATINGS:]
        if not len(rows) or np.ptp(interactions.values[rows]) == 0:
            return None
        config, ridge = _select_config(interactions, n_items, rows[-MAX_SELECTION_RATINGS:])
        return cls.fit_rows(interactions, n_items, rows, config).with_ridge(ridge)

    @classmethod
    def fit_rows(cls, interactions: Interactions, n_items: int, rows: Longs, config: SVDConfig) -> Self:
        """Return the predictor fitted on these rows, which are ratings; at least one is needed.

        A longer scale is divided to one of five stars, since the learning rates diverge on a hundred points.
        """
        rows = np.random.default_rng(config.seed).permutation(rows)
        users, items = interactions.users[rows], interactions.items[rows]
        values = interactions.values[rows].astype(np.float64)
        low, high = float(values.min()), float(values.max())
        unit = _star_unit(low, high)
        model = factorize(users, items, values / unit, config, n_users=interactions.n_users, n_items=n_items)
        bias = (model.bi * unit).astype(np.float32)
        bias[np.bincount(items, minlength=n_items) == 0] = np.nan
        vectors = (model.qi * unit).astype(np.float32)
        return cls(float(values.mean()), low, high, bias, vectors).with_ridge(RIDGES[0])

    def with_ridge(self, ridge: float) -> Self:
        """Return the same with another L2 penalty of tastes, given for a scale of five stars."""
        return replace(self, ridge=ridge * _star_unit(self.low, self.high) ** 2)

    def predict(self, histories: ProfileColumns, rows: Longs, items: Longs) -> Doubles:
        """Return float64[n], the stars of the pairs (rows[i], items[i]); NaN where shopper or item has no rating.

        `rows` ascend.
        """
        stars = np.full(len(rows), np.nan)
        for shopper, taste in self._tastes(histories):
            own = slice(*np.searchsorted(rows, (shopper, shopper + 1)).tolist())
            stars[own] = self.predict_from_taste(taste, items[own])
        return stars

    def taste(self, profile: Profile) -> Floats | None:
        """Return float32[factors + 1], the shopper's taste and generosity; None without a rating of a known item."""
        return next((taste for _, taste in self._tastes(ProfileColumns.of([profile]))), None)

    def predict_from_taste(self, taste: Floats, items: Longs) -> Doubles:
        """Return float64[n], the stars that a shopper of this taste would give; NaN for items without ratings."""
        stars = np.full(len(items), np.nan)
        is_known = items < len(self.bias)
        codes = items[is_known]
        agreement = (self.vectors[codes].astype(np.float64) * taste[:-1]).sum(axis=1)
        stars[is_known] = np.clip(self.mean + self.bias[codes] + agreement + taste[-1], self.low, self.high)
        return stars

    def _tastes(self, histories: ProfileColumns) -> Iterator[tuple[int, Floats]]:
        """Yield each shopper with ratings of known items, and float32[factors + 1]: taste, then generosity."""
        rated = np.flatnonzero(
            (histories.signals == RATING) & (histories.items >= 0) & (histories.items < len(self.bias))
        )
        rated = rated[~np.isnan(self.bias[histories.items[rated]])]
        ridge_matrix = np.diag([self.ridge] * self.vectors.shape[1] + [GENEROSITY_RIDGE])
        owners, starts = np.unique(histories.rows[rated], return_index=True)
        for owner, events in zip(owners.tolist(), np.split(rated, starts[1:]), strict=False):
            events = last_row_per_key(histories.items[events], events)
            items = histories.items[events]
            design = np.column_stack([self.vectors[items], np.ones(len(items), np.float32)])
            residuals = histories.values[events] - self.mean - self.bias[items]
            yield owner, solve_weighted_ridge(design, np.ones(len(items)), residuals, ridge_matrix)


def _star_unit(low: float, high: float) -> float:
    """Return the factor from a scale of five stars to a longer one, at least 1."""
    return max(1.0, (high - low) / FIVE_STAR_SPAN)


def _select_config(interactions: Interactions, n_items: int, rows: Longs) -> tuple[SVDConfig, float]:
    """Return the configuration and ridge with the lowest squared error on the newest ratings; `rows` ascend."""
    users, items, values = interactions.users, interactions.items, interactions.values
    past, validation = np.split(rows, [round(len(rows) * (1 - VALIDATION_SHARE))])
    validation = validation[np.isin(users[validation], users[past]) & np.isin(items[validation], items[past])]
    shoppers = np.unique(users[validation])
    shoppers = shoppers[evenly_spaced(len(shoppers), MAX_VALIDATION_SHOPPERS)]
    validation = validation[np.isin(users[validation], shoppers)]
    if len(validation) < MIN_VALIDATION_RATINGS:
        return CANDIDATE_CONFIGS[0], RIDGES[0]
    validation = validation[np.argsort(users[validation], kind="stable")]
    train = past[np.isin(users[past], shoppers)]
    train = train[np.argsort(users[train], kind="stable")]
    histories = ProfileColumns(
        rows=np.searchsorted(shoppers, users[train]).astype(np.int64),
        items=items[train],
        times=interactions.times[train],
        signals=interactions.signals[train],
        weights=np.ones(len(train), np.float32),
        values=values[train],
        steps=np.zeros(len(train), np.float32),
        now=np.full(len(shoppers), interactions.times[validation].min()),
    )
    validation_rows, validation_items = (
        np.searchsorted(shoppers, users[validation]).astype(np.int64),
        items[validation].astype(np.int64),
    )
    errors: dict[tuple[int, float], float] = {}
    for number, config in enumerate(CANDIDATE_CONFIGS):
        predictor = RatingPredictor.fit_rows(interactions, n_items, past, config)
        for ridge in RIDGES:
            predicted = predictor.with_ridge(ridge).predict(histories, validation_rows, validation_items)
            error = float(((predicted - values[validation]) ** 2).mean())
            errors[number, ridge] = error if np.isfinite(error) else np.inf
    number, ridge = min(errors, key=errors.__getitem__)
    return CANDIDATE_CONFIGS[number], ridge


def write_rating_predictor(directory: Path, predictor: RatingPredictor | None) -> None:
    """Write `stars.npz` where there is a predictor."""
    if predictor is not None:
        scale = np.array([predictor.mean, predictor.low, predictor.high, predictor.ridge])
        storage.write_arrays(directory / FILE, {"scale": scale, "bias": predictor.bias, "vectors": predictor.vectors})


def read_rating_predictor(directory: Path) -> RatingPredictor | None:
    """Return what `write_rating_predictor` wrote."""
    if not (directory / FILE).exists():
        return None
    arrays = storage.read_arrays(directory / FILE)
    mean, low, high, *ridge = arrays["scale"].tolist()  # artifacts of older versions have no ridge of their own
    return RatingPredictor(mean, low, high, arrays["bias"], arrays["vectors"], *ridge)

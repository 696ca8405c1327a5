"""Surprise's SVD, trained so that it can retrieve: sampled negatives, item factors folded in at answering time.

SVD on positives alone learns nothing to rank by (all ratings are 1); unseen items drawn by popularity ** .75 serve as
zeros. Real ratings are another matter: `recsys.ranking.predicted_ratings` learns those.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import surprise

from recsys.arrays import Floats
from recsys.data.catalog import Catalog
from recsys.data.interactions import Interactions
from recsys.sources.base import Config
from recsys.sources.decay import Query
from recsys.sources.factors import (
    FACTOR_SPACE,
    FactorConfig,
    Factors,
    solve_weighted_ridge,
)
from recsys.sources.scoring import PlainReason, SearchSpace, Use
from recsys.sources.storage import Array, Arrays


@dataclass(frozen=True)
class SVDConfig(FactorConfig):
    """`negatives` zeros are drawn per interaction; `fold_ridge` regularizes fold-in; `bias_weight` lets popularity in.

    The newest `most_rows` interactions are learnt from, which bounds time. Good: 5–10 negatives, reg .01–.1,
    learning rate .01–.03, fold_ridge 1–30.
    """

    factors: int = 50
    epochs: int = 20
    learning_rate: float = 0.02
    reg: float = 0.02
    negatives: int = 8
    negative_power: float = 0.75
    fold_ridge: float = 5.0
    bias_weight: float = 0.3
    most_rows: int = 250_000


class SVD(Factors):
    """Surprise's matrix factorization, for ranking."""

    name: ClassVar[str] = "svd"
    use: ClassVar[Use] = "optional"
    plain_reason: ClassVar[PlainReason | None] = "predicted_rating"
    config_class: ClassVar[type[Config]] = SVDConfig
    config: SVDConfig
    SERVE_TIME: ClassVar[frozenset[str]] = Factors.SERVE_TIME | {"fold_ridge", "bias_weight"}
    SEARCH_SPACE: ClassVar[SearchSpace] = {
        **FACTOR_SPACE,
        "factors": ("choice", [32, 50, 100]),
        "epochs": ("int", 8, 30),
        "learning_rate": ("float", 0.005, 0.05, True),
        "reg": ("float", 0.002, 0.1, True),
        "negatives": ("int", 2, 12),
        "fold_ridge": ("float", 0.1, 100.0, True),
        "bias_weight": ("choice", [0.0, 0.1, 0.3, 1.0]),
    }

    def learn(self, interactions: Interactions, catalog: Catalog) -> Arrays:
        """Return item factors, item biases, and which items were learnt from."""
        c, n = self.config, catalog.n_items
        newest = slice(max(0, len(interactions) - c.most_rows), None)
        users, items = interactions.users[newest], interactions.items[newest]
        seen = np.bincount(items, minlength=n) > 0
        if not len(items):
            return {
                "vectors": np.zeros((n, c.factors), np.float32),
                "bias": np.zeros(n, np.float32),
                "in_training": seen,
            }
        model = self.fit_surprise(users, items, n_users=interactions.n_users, n_items=n)
        return {"vectors": model.qi.astype(np.float32), "bias": model.bi.astype(np.float32), "in_training": seen}

    def fit_surprise(self, users: Array, items: Array, *, n_users: int, n_items: int) -> surprise.SVD:
        """Return Surprise's model of who took what (one row at least), with zeros drawn in between."""
        columns = with_negatives(users, items, n_items, self.config)
        return factorize(*columns, self.config, n_users=n_users, n_items=n_items)

    def bias(self) -> Floats:
        """Return each item's share of popularity."""
        return np.asarray(self.config.bias_weight * self.arrays["bias"], np.float32)

    def fold_in(self, found: Query) -> Floats:
        """Return the ridge solution for a shopper who wants the query's items fully."""
        codes, weights = found
        chosen = self.vectors[codes]
        base = self.config.fold_ridge * np.eye(chosen.shape[1])
        return solve_weighted_ridge(chosen, weights, 1 - self.arrays["bias"][codes], base)


def with_negatives(users: Array, items: Array, n_items: int, config: SVDConfig) -> tuple[Array, Array, Array]:
    """Return shuffled (users, items, 1 or 0). A drawn zero may hit a positive; with many items that is rare."""
    rng = np.random.default_rng(config.seed)
    chance = np.bincount(items, minlength=n_items).astype(np.float64) ** config.negative_power
    drawn = rng.choice(n_items, len(users) * config.negatives, p=chance / chance.sum())
    values = np.concatenate([np.ones(len(users)), np.zeros(len(drawn))])
    order = rng.permutation(len(values))
    repeated = np.concatenate([users, np.repeat(users, config.negatives)])
    return repeated[order], np.concatenate([items, drawn])[order], values[order]


def factorize(
    users: Array, items: Array, values: Array, config: SVDConfig, *, n_users: int, n_items: int
) -> surprise.SVD:
    """Return Surprise's model, fitted on the columns (one row at least)."""
    model = surprise.SVD(
        n_factors=config.factors,
        n_epochs=config.epochs,
        lr_all=config.learning_rate,
        reg_all=config.reg,
        random_state=config.seed,
    )
    return model.fit(ColumnTrainset(users, items, values, n_users, n_items))


class ColumnTrainset(surprise.Trainset):  # type: ignore[misc]
    """Surprise's training set over arrays: its own keeps a Python tuple a rating, in two dictionaries."""

    def __init__(self, users: Array, items: Array, values: Array, n_users: int, n_items: int) -> None:
        super().__init__({}, {}, n_users, n_items, len(values), (float(values.min()), float(values.max())), {}, {})
        self.columns = users, items, values
        self._global_mean = float(values.mean())

    def all_ratings(self) -> Iterator[tuple[int, int, float]]:
        """Yield (user, item, value), in blocks so that few Python numbers live at once."""
        for start in range(0, self.n_ratings, 65_536):
            block = slice(start, start + 65_536)
            yield from zip(*(column[block].tolist() for column in self.columns), strict=True)

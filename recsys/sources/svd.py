"""Surprise's SVD as a candidate source: trained with sampled negatives, with fold-in of shoppers.

With positives alone, all values are 1 and SVD learns no ranking. So items sampled by popularity ** .75 serve as zeros.
Real ratings are predicted by `recsys.ranking.predicted_ratings`.
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
    """`negatives` zeros are sampled per interaction; `fold_ridge` regularizes fold-in; `bias_weight` scales biases.

    Training uses the newest `most_rows` interactions, which bounds time. Good: 5–10 negatives, reg .01–.1, learning
    rate .01–.03, fold_ridge 1–30.
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
    """Surprise's matrix factorization, trained for ranking."""

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
        """Return item factors, item biases, and which items had training data."""
        c, n = self.config, catalog.n_items
        newest = slice(max(0, len(interactions) - c.most_rows), None)
        users, items = interactions.users[newest], interactions.items[newest]
        in_training = np.bincount(items, minlength=n) > 0
        if not len(items):
            return {
                "vectors": np.zeros((n, c.factors), np.float32),
                "bias": np.zeros(n, np.float32),
                "in_training": in_training,
            }
        model = self.fit_surprise(users, items, n_users=interactions.n_users, n_items=n)
        return {"vectors": model.qi.astype(np.float32), "bias": model.bi.astype(np.float32), "in_training": in_training}

    def fit_surprise(self, users: Array, items: Array, *, n_users: int, n_items: int) -> surprise.SVD:
        """Return Surprise's model of pairs (users[i], items[i]), at least one, and sampled negatives."""
        columns = with_negatives(users, items, n_items, self.config)
        return factorize(*columns, self.config, n_users=n_users, n_items=n_items)

    def bias(self) -> Floats:
        """Return float32[n_items]: the scaled item biases."""
        return np.asarray(self.config.bias_weight * self.arrays["bias"], np.float32)

    def fold_in(self, query: Query) -> Floats:
        """Return float32[factors]: the ridge solution for ratings of 1 on the query's items."""
        codes, weights = query
        chosen = self.vectors[codes]
        base = self.config.fold_ridge * np.eye(chosen.shape[1])
        return solve_weighted_ridge(chosen, weights, 1 - self.arrays["bias"][codes], base)


def with_negatives(users: Array, items: Array, n_items: int, config: SVDConfig) -> tuple[Array, Array, Array]:
    """Return shuffled arrays of users, items and values 1 or 0. A sampled negative may be a positive, but rarely."""
    rng = np.random.default_rng(config.seed)
    probabilities = np.bincount(items, minlength=n_items).astype(np.float64) ** config.negative_power
    negatives = rng.choice(n_items, len(users) * config.negatives, p=probabilities / probabilities.sum())
    values = np.concatenate([np.ones(len(users)), np.zeros(len(negatives))])
    order = rng.permutation(len(values))
    repeated = np.concatenate([users, np.repeat(users, config.negatives)])
    return repeated[order], np.concatenate([items, negatives])[order], values[order]


def factorize(
    users: Array, items: Array, values: Array, config: SVDConfig, *, n_users: int, n_items: int
) -> surprise.SVD:
    """Return Surprise's model, fitted on the columns (at least one row)."""
    model = surprise.SVD(
        n_factors=config.factors,
        n_epochs=config.epochs,
        lr_all=config.learning_rate,
        reg_all=config.reg,
        random_state=config.seed,
    )
    return model.fit(ColumnTrainset(users, items, values, n_users, n_items))


class ColumnTrainset(surprise.Trainset):  # type: ignore[misc]
    """Surprise's training set on arrays; Surprise itself keeps a Python tuple per rating in two dictionaries."""

    def __init__(self, users: Array, items: Array, values: Array, n_users: int, n_items: int) -> None:
        super().__init__({}, {}, n_users, n_items, len(values), (float(values.min()), float(values.max())), {}, {})
        self.columns = users, items, values
        self._global_mean = float(values.mean())

    def all_ratings(self) -> Iterator[tuple[int, int, float]]:
        """Yield (user, item, value), converted in blocks to bound memory."""
        for start in range(0, self.n_ratings, 65_536):
            block = slice(start, start + 65_536)
            yield from zip(*(column[block].tolist() for column in self.columns), strict=True)

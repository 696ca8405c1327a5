"""Non-negative matrix factorization (scikit-learn): factors that only add up, so that they can be interpreted."""

import warnings
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from recsys.arrays import Floats
from recsys.data.catalog import Catalog
from recsys.data.interactions import Interactions
from recsys.sources.base import Config
from recsys.sources.decay import Query
from recsys.sources.factors import (
    FACTOR_SPACE,
    MAX_TRAINED_ITEMS,
    FactorConfig,
    Factors,
    arrays_of_all_items,
)
from recsys.sources.matrix import (
    Matrix,
    inverse_power,
    most_frequent_columns,
    scaled_columns,
    scaled_rows,
    user_item,
)
from recsys.sources.scoring import PlainReason, SearchSpace, Use
from recsys.sources.storage import Array, Arrays

TOLERANCE = 0.003
"""scikit-learn's `tol`: training stops if an epoch's change is a smaller share of the first epoch's.

RetailRocket and Beauty take all 40 epochs. If 60 are allowed, RetailRocket takes 51 to 53; NDCG@10 on validation and
the next window is .0177 and .0131, with all 60 .0174 and .0133. With .01, training stops after 23 to 38 epochs, and
NDCG@10 falls: RetailRocket -.0002 (standard error .0005) of .0144, 3,500 shoppers of Beauty -.0002 (.0001) of .0059.
(Measured before scores were changed to unscaled units.)
"""
FOLD_IN_UPDATES = 30
"""Multiplicative updates of a fold-in; more change scores by less than a percent."""


@dataclass(frozen=True)
class NMFConfig(FactorConfig):
    """`popularity_power` discounts popular items before the factorization; `epochs` is the largest number of epochs.

    Good: 64–128 factors, 30–60 epochs, power .3–.5.
    """

    factors: int = 64
    epochs: int = 40
    popularity_power: float = 0.4
    damping: float = 0.5
    matrix_half_life_days: float = 365.0


class NMF(Factors):
    """Shoppers as non-negative mixtures of factors."""

    name: ClassVar[str] = "nmf"
    plain_reason: ClassVar[PlainReason | None] = "predicted_rating"
    config_class: ClassVar[type[Config]] = NMFConfig
    config: NMFConfig
    use: ClassVar[Use] = "optional"
    HALF_LIFE: ClassVar[str] = "matrix_half_life_days"
    gram: Array
    SEARCH_SPACE: ClassVar[SearchSpace] = {
        **FACTOR_SPACE,
        "epochs": ("int", 20, 60),
        "popularity_power": ("float", 0.0, 0.7, False),
        "damping": ("float", 0.0, 1.0, False),
        "matrix_half_life_days": ("float", 30.0, 2000.0, True),
    }

    def learn(self, interactions: Interactions, catalog: Catalog) -> Arrays:
        """Return the factors of each item, in units before scaling, and the factor by which its column was scaled."""
        c = self.config
        matrix = user_item(interactions, catalog.n_items, half_life_days=c.matrix_half_life_days)
        matrix.data **= c.damping
        count = np.bincount(matrix.indices, minlength=catalog.n_items)
        scale = inverse_power(count.astype(np.float32), c.popularity_power)
        columns = most_frequent_columns(matrix, MAX_TRAINED_ITEMS)
        matrix = matrix[:, columns]
        norms = np.sqrt(np.asarray(matrix.multiply(matrix).sum(axis=1)).ravel())
        matrix = scaled_rows(matrix, inverse_power(norms, 1))
        parts = self._parts(scaled_columns(matrix, scale[columns]))
        parts /= np.where(scale[columns] > 0, scale[columns], 1)[:, None]
        return {**arrays_of_all_items(parts, columns, count), "scale": scale}

    def prepare(self) -> None:
        """Precompute HHᵀ in scaled units for the fold-ins; scores are in units before scaling."""
        super().prepare()
        scaled = self.vectors.astype(np.float64) * self.arrays["scale"][:, None]
        self.gram = scaled.T @ scaled + 1e-9

    def fold_in(self, query: Query) -> Floats:
        """Return float32[factors]: the non-negative mixture with the least squared error on the query."""
        codes, weights = query
        damped = weights**self.config.damping * self.arrays["scale"][codes] ** 2  # scales the query and the vectors
        projection: NDArray[np.float64] = damped @ self.vectors[codes].astype(np.float64)
        mixture = projection.copy()
        for _ in range(FOLD_IN_UPDATES):
            mixture *= projection / np.maximum(mixture @ self.gram, 1e-12)
        return mixture.astype(np.float32)

    def _parts(self, matrix: Matrix) -> Floats:
        from sklearn.decomposition import non_negative_factorization  # slow to import, and only training needs it
        from sklearn.exceptions import ConvergenceWarning

        c = self.config
        shape = (matrix.shape[1], c.factors)
        matrix = matrix[np.diff(matrix.indptr) > 0]
        if not matrix.nnz:
            return np.zeros(shape, np.float32)
        size = {
            "n_components": c.factors,
            "init": "random",
            "random_state": c.seed,
            "max_iter": c.epochs,
            "tol": TOLERANCE,
        }
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # using all epochs is fine
            _, parts, _ = non_negative_factorization(matrix, **size)
        return np.ascontiguousarray(parts.T, np.float32)

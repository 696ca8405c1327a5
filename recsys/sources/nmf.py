"""Non-negative matrix factorization (scikit-learn): parts of taste that only add up, so that they can be read."""

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
from recsys.sources.scoring import PlainReason, SearchSpace
from recsys.sources.storage import Array, Arrays

TOLERANCE = 0.003
"""An epoch that changes so little, as a share of what the first one changed, is the last.

RetailRocket and Beauty take all 40 epochs and, where 60 are allowed, RetailRocket 51 to 53 (NDCG@10 on validation and
the window after: .0177, .0131; all 60: .0174, .0133). With .01 they stop after 23 to 38, and nmf alone finds a little
less each time: RetailRocket -.0002 (standard error .0005) of .0144, 3,500 shoppers of Beauty -.0002 (.0001) of .0059.
(Answers were in scaled units then.)
"""
FOLD_IN_UPDATES = 30
"""Multiplicative updates of a fold-in: further ones change scores by less than a percent."""


@dataclass(frozen=True)
class NMFConfig(FactorConfig):
    """`popularity_power` tames popular items before factorizing; `epochs` are the most that training takes.

    Good: 64–128 factors, 30–60 epochs, power .3–.5.
    """

    factors: int = 64
    epochs: int = 40
    popularity_power: float = 0.4
    damping: float = 0.5
    matrix_half_life_days: float = 365.0


class NMF(Factors):
    """Shoppers as mixtures of non-negative tastes."""

    name: ClassVar[str] = "nmf"
    plain_reason: ClassVar[PlainReason | None] = "predicted_rating"
    config_class: ClassVar[type[Config]] = NMFConfig
    config: NMFConfig
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
        """Return the parts of each item, in the units before scaling, and what its column was multiplied by."""
        c = self.config
        matrix = user_item(interactions, catalog.n_items, half_life_days=c.matrix_half_life_days)
        matrix.data **= c.damping
        count = np.bincount(matrix.indices, minlength=catalog.n_items)
        scale = inverse_power(count.astype(np.float32), c.popularity_power)
        held = most_frequent_columns(matrix, MAX_TRAINED_ITEMS)
        matrix = matrix[:, held]
        norms = np.sqrt(np.asarray(matrix.multiply(matrix).sum(axis=1)).ravel())
        matrix = scaled_rows(matrix, inverse_power(norms, 1))
        parts = self._parts(scaled_columns(matrix, scale[held]))
        parts /= np.where(scale[held] > 0, scale[held], 1)[:, None]
        return {**arrays_of_all_items(parts, held, count), "scale": scale}

    def prepare(self) -> None:
        """Prepare what every fold-in shares: HHᵀ in scaled units; answers are in the units before scaling."""
        super().prepare()
        scaled = self.vectors.astype(np.float64) * self.arrays["scale"][:, None]
        self.gram = scaled.T @ scaled + 1e-9

    def fold_in(self, found: Query) -> Floats:
        """Return the non-negative mixture that rebuilds the query best."""
        codes, weights = found
        damped = weights**self.config.damping * self.arrays["scale"][codes] ** 2  # of the query, and of the vectors
        wanted: NDArray[np.float64] = damped @ self.vectors[codes].astype(np.float64)
        mixture = wanted.copy()
        for _ in range(FOLD_IN_UPDATES):
            mixture *= wanted / np.maximum(mixture @ self.gram, 1e-12)
        return mixture.astype(np.float32)

    def _parts(self, matrix: Matrix) -> Floats:
        from sklearn.decomposition import non_negative_factorization  # slow to load, and only a training needs it
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
            warnings.simplefilter("ignore", ConvergenceWarning)  # to have used all epochs is no failure
            _, parts, _ = non_negative_factorization(matrix, **size)
        return np.ascontiguousarray(parts.T, np.float32)

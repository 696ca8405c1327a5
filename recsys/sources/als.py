"""Matrix factorization of implicit feedback by alternating least squares (library `implicit`), with fold-in.

Source: Hu, Koren, Volinsky, "Collaborative filtering for implicit feedback datasets", ICDM 2008.
"""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from implicit.cpu.als import AlternatingLeastSquares
from threadpoolctl import threadpool_limits

from recsys.arrays import Floats
from recsys.data.catalog import Catalog
from recsys.data.interactions import Interactions
from recsys.sources.base import Config
from recsys.sources.decay import REPEAT_START, SESSION_START, Query
from recsys.sources.factors import (
    FACTOR_SPACE,
    MAX_TRAINED_ITEMS,
    FactorConfig,
    Factors,
    arrays_of_all_items,
    solve_weighted_ridge,
)
from recsys.sources.matrix import (
    Matrix,
    inverse_power,
    most_frequent_columns,
    scaled_columns,
    user_item,
)
from recsys.sources.scoring import PlainReason, SearchSpace
from recsys.sources.storage import Array, Arrays

LOW_CONFIDENCE: dict[str, object] = {
    "alpha": 1.0,
    "ridge": 17.5,
    "popularity_power": 0.1,
    "damping": 0.4,
    "matrix_half_life_days": 40.0,
}
"""Settings to start from where shoppers come back often: low confidence in single cells, a short half-life."""


@dataclass(frozen=True)
class ALSConfig(FactorConfig):
    """Confidence of a cell grows with alpha · weight; `popularity_power` lowers the confidence of popular items.

    Good: alpha 5–40 for short histories, about 1 for long ones; ridge .1–50, 64–128 factors, 10–15 epochs.
    """

    alpha: float = 10.0
    ridge: float = 5.0
    popularity_power: float = 0.3
    damping: float = 0.5
    matrix_half_life_days: float = 365.0


class ALS(Factors):
    """Factors of shoppers and items, trained on all cells, with interactions or without."""

    name: ClassVar[str] = "als"
    plain_reason: ClassVar[PlainReason | None] = "predicted_rating"
    config_class: ClassVar[type[Config]] = ALSConfig
    config: ALSConfig
    gram: Array
    HALF_LIFE: ClassVar[str] = "matrix_half_life_days"
    STARTS: ClassVar[tuple[dict[str, Any], ...]] = (
        *Factors.STARTS,
        {**REPEAT_START, **LOW_CONFIDENCE},
        {**SESSION_START, **LOW_CONFIDENCE},
    )
    SEARCH_SPACE: ClassVar[SearchSpace] = {
        **FACTOR_SPACE,
        "alpha": ("float", 0.5, 60.0, True),
        "ridge": ("float", 0.1, 200.0, True),
        "popularity_power": ("float", 0.0, 0.7, False),
        "damping": ("float", 0.0, 1.0, False),
        "matrix_half_life_days": ("float", 30.0, 2000.0, True),
    }

    def learn(self, interactions: Interactions, catalog: Catalog) -> Arrays:
        """Return the item factors and the confidence scale of each item."""
        c = self.config
        days = c.matrix_half_life_days
        matrix = user_item(interactions, catalog.n_items, half_life_days=days)
        matrix.data **= c.damping
        count = np.bincount(matrix.indices, minlength=catalog.n_items)
        scale = inverse_power(count.astype(np.float32), c.popularity_power)
        if matrix.nnz:
            scale /= scale[matrix.indices].mean()
        columns = most_frequent_columns(matrix, MAX_TRAINED_ITEMS)
        vectors = self._factorize(scaled_columns(matrix, scale * np.float32(c.alpha))[:, columns])
        return {**arrays_of_all_items(vectors, columns, count), "scale": scale}

    def prepare(self) -> None:
        """Precompute YᵀY for the fold-ins."""
        super().prepare()
        vectors = self.vectors.astype(np.float64)
        self.gram = vectors.T @ vectors

    def ridge(self, n_cells: int) -> float:
        """Return the value added to the diagonal for a shopper with `n_cells` items."""
        return self.config.ridge

    def fold_in(self, query: Query) -> Floats:
        """Return float32[factors]: the least-squares vector of the shopper, with confidences 1 + alpha · weight.

        In training, implicit uses alpha · weight as the whole confidence. With 1 + alpha · weight there too, results
        are worse (docs/adr/0014-the-ranker-is-the-mean-of-two-models.md).
        """
        codes, weights = query
        extra = self.config.alpha * self.arrays["scale"][codes] * weights**self.config.damping
        chosen = self.vectors[codes]
        cells = max(1, int(self.in_training[codes].sum()))
        base = self.gram + self.ridge(cells) * np.eye(self.config.factors)
        return solve_weighted_ridge(chosen, extra, (1 + extra) / np.maximum(extra, 1e-12), base)

    def _factorize(self, confidence: Matrix) -> Floats:
        c = self.config
        if not confidence.nnz:
            return np.zeros((confidence.shape[1], c.factors), np.float32)
        size = {"factors": c.factors, "iterations": c.epochs, "regularization": c.ridge, "random_state": c.seed}
        with threadpool_limits(1, "blas"):  # implicit has its own threads
            model = AlternatingLeastSquares(alpha=1.0, **size)
            model.fit(confidence, show_progress=False)
        return np.asarray(model.item_factors, np.float32)

"""EASE: the closed-form linear autoencoder with a zero diagonal.

Source: Steck, "Embarrassingly shallow autoencoders for sparse data", WWW 2019. Time and memory are bounded by a choice
of three algorithms:

* few items: the dense inverse over items, exact
* few shoppers: the inverse over shoppers (Woodbury), exact, on the most frequent items
* otherwise: ridge regression per item on its most similar items, on the most frequent items (SLIM with feature
  selection; Ning, Karypis 2011)
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from scipy import linalg, sparse

from recsys.arrays import Floats
from recsys.data.catalog import Catalog
from recsys.data.interactions import Interactions
from recsys.sources.base import Config
from recsys.sources.decay import REPEAT_START, SESSION_START
from recsys.sources.item_item import ITEM_ITEM_SPACE, ItemItem, ItemItemConfig
from recsys.sources.matrix import (
    Matrix,
    inverse_power,
    most_frequent_columns,
    scaled_rows,
    user_item,
)
from recsys.sources.neighbors import CHUNK_ROWS, build_table, top_k_of_dense
from recsys.sources.repeat import own_gain
from recsys.sources.ridge import ridge_columns
from recsys.sources.scoring import SearchSpace
from recsys.sources.storage import Arrays

MAX_MULTIPLICATIONS = 1.6e10
"""Limit of the inverse over shoppers, cells times items. A grocery's year, 68,000 items, takes 92 s with all items and
15 s with the 20,000 most frequent; NDCG@10 is equal within .0001."""
MAX_DENSE_CELLS = 1 << 28
"""Limit of shoppers times items of that inverse: a gigabyte of float32."""
MAX_REGRESSIONS = 30_000
"""The largest number of ridge regressions, at half a millisecond each."""
DOUBLE_PRECISION_BELOW = 1e-3
"""The inverse over shoppers needs double precision for a smaller ridge, relative to the largest row sum of XXᵀ.

For items that most shoppers have, it subtracts nearly equal numbers. In single precision, 400 shoppers with a hundred
events each gave weights of 2,000 instead of 5 with a ridge of 1, and errors of .3 with a ridge of 5."""
MIN_RIDGE = {np.dtype(np.float32): 1e-5, np.dtype(np.float64): 1e-12}
"""The least ridge by precision, relative to the mean of the diagonal. In single precision, for two products that were
always bought together, a ridge of 1 with a diagonal of 7e6 gave errors of .5 or infinite weights."""


@dataclass(frozen=True)
class EASEConfig(ItemItemConfig):
    """`ridge` is lambda. `dense_limit` is the largest side of a dense inverse; `features` is for ridge per item.

    A dense inverse of side 12,500 takes 15 s on two cores, one of 16,700 takes 33 s. Ridge per item takes a third, and
    recall@100 on Beauty is .098 instead of .105. Good: ridge 50–500 in small shops, thousands in busy ones, damping .5,
    shopper_power .3–.5.
    """

    ridge: float = 200.0
    damping: float = 0.5
    shopper_power: float = 0.3
    matrix_half_life_days: float = 365.0
    own_weight: float = 0.1
    dense_limit: int = 12_500
    features: int = 100
    rate_power: float = 0.5
    prior: float = 10.0


class EASE(ItemItem):
    """Regression of each item on all others, so that similar neighbors do not count twice."""

    name: ClassVar[str] = "ease"
    config_class: ClassVar[type[Config]] = EASEConfig
    config: EASEConfig
    HALF_LIFE: ClassVar[str] = "matrix_half_life_days"
    STARTS: ClassVar[tuple[dict[str, Any], ...]] = (
        {**REPEAT_START, "own_weight": 1.0},
        {**SESSION_START, "own_weight": 0.0},
        {**REPEAT_START, "own_weight": 0.3},
    )
    SEARCH_SPACE: ClassVar[SearchSpace] = {
        **ITEM_ITEM_SPACE,
        "own_weight": ("choice", [0.0, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0]),
        "rate_power": ("float", 0.0, 1.5, False),
        "ridge": ("float", 1.0, 5000.0, True),
        "damping": ("float", 0.0, 1.0, False),
        "shopper_power": ("float", 0.0, 1.0, False),
        "matrix_half_life_days": ("float", 7.0, 1500.0, True),
    }

    def learn(self, interactions: Interactions, catalog: Catalog) -> Arrays:
        """Return the neighbor table of the `neighbors` largest weights, by absolute value, of each row of B."""
        c = self.config
        matrix = user_item(interactions, catalog.n_items, half_life_days=c.matrix_half_life_days)
        matrix.data **= c.damping
        matrix = scaled_rows(matrix, inverse_power(np.asarray(matrix.sum(axis=1)).ravel(), c.shopper_power))
        matrix = matrix[np.diff(matrix.indptr) > 0]
        own = own_gain(interactions, catalog.n_items, prior=c.prior, power=c.rate_power)
        return build_table(self._rows(matrix), max_neighbors=c.neighbors, own=own).arrays()

    def _rows(self, matrix: Matrix) -> Iterator[Matrix]:
        n_users, n_items = matrix.shape
        few_shoppers, few_items = (side <= self.config.dense_limit for side in matrix.shape)
        if few_items and n_users >= n_items:
            for chunk in _over_items(matrix, self.config.ridge):
                yield top_k_of_dense(chunk, self.config.neighbors + 1)
            return
        columns = most_frequent_columns(matrix, _max_items(matrix, few_shoppers=few_shoppers))
        if few_shoppers:
            chunks = _over_shoppers(matrix[:, columns], self.config.ridge)
            best = sparse.vstack([top_k_of_dense(chunk, self.config.neighbors + 1) for chunk in chunks], format="coo")
        else:
            best = ridge_columns(matrix[:, columns], ridge=self.config.ridge, features=self.config.features).tocoo()
        yield sparse.csr_matrix((best.data, (columns[best.row], columns[best.col])), shape=(n_items, n_items))


def _max_items(matrix: Matrix, *, few_shoppers: bool) -> int:
    """Return the number of most frequent items within the limits: at least 1, without items of no shopper."""
    counts = np.bincount(matrix.indices, minlength=1)
    ordered = -np.sort(-counts[counts > 0])
    if not few_shoppers:
        return max(1, min(len(ordered), MAX_REGRESSIONS))
    work = np.cumsum(ordered, dtype=np.float64) * np.arange(1, len(ordered) + 1)
    by_work = int(np.searchsorted(work, MAX_MULTIPLICATIONS, side="right"))
    return max(1, min(by_work, MAX_DENSE_CELLS // int(max(1, matrix.shape[0]))))


def _over_items(matrix: Matrix, ridge: float) -> Iterator[Floats]:
    """Yield chunks of rows of B: B[i, j] = -P[i, j] / P[j, j], where P is the inverse of XᵀX + ridge."""
    inverse = _inverse((matrix.T @ matrix).toarray(), ridge)
    scale = (-1 / np.diagonal(inverse)).astype(np.float32)
    for start in range(0, len(inverse), CHUNK_ROWS):
        yield inverse[start : start + CHUNK_ROWS] * scale


def _over_shoppers(matrix: Matrix, ridge: float) -> Iterator[Floats]:
    """Yield chunks of rows of the same B by Woodbury: P = (1 - M) / ridge with M = Xᵀ (XXᵀ + ridge)⁻¹ X."""
    n_users, n_items = matrix.shape
    single = matrix.T.tocsr()
    if ridge < DOUBLE_PRECISION_BELOW * float((matrix @ (single @ np.ones(n_users))).max(initial=0.0)):
        matrix = matrix.astype(np.float64)
    transposed = matrix.T.tocsr()
    gram = np.empty((n_users, n_users), matrix.dtype)
    for start in range(0, n_users, CHUNK_ROWS):
        gram[start : start + CHUNK_ROWS] = (matrix[start : start + CHUNK_ROWS] @ transposed).toarray()
    inner = _inverse(gram, ridge)
    spread = np.empty((n_users, n_items), np.float32)  # inner · X; inner is symmetric
    diagonal = np.empty(n_items, matrix.dtype)
    for start in range(0, n_items, CHUNK_ROWS):
        own = transposed[start : start + CHUNK_ROWS]
        block = own @ inner
        diagonal[start : start + CHUNK_ROWS] = np.asarray(own.multiply(block).sum(axis=1)).ravel()
        spread[:, start : start + CHUNK_ROWS] = block.T
    del gram, inner
    scale = (1 / np.maximum(1 - diagonal, 1e-6)).astype(np.float32)
    for start in range(0, n_items, CHUNK_ROWS):
        yield (single[start : start + CHUNK_ROWS] @ spread) * scale


def _inverse(gram: Floats, ridge: float) -> Floats:
    """Return the inverse of gram + ridge (symmetric positive definite), computed in place.

    The ridge is at least `MIN_RIDGE`.
    """
    if not len(gram):
        return gram
    min_ridge = MIN_RIDGE[gram.dtype] * float(gram.diagonal().mean(dtype=np.float64))
    gram[np.diag_indices_from(gram)] += max(ridge, min_ridge)
    factorize, invert = linalg.get_lapack_funcs(("potrf", "potri"), (gram,))
    factor, _ = factorize(gram.T, lower=1, overwrite_a=1)
    inverse, _ = invert(factor, lower=1, overwrite_c=1)
    for start in range(0, len(inverse), CHUNK_ROWS):  # mirror the lower triangle in blocks
        stop = start + CHUNK_ROWS
        inverse[start:stop, stop:] = inverse[stop:, start:stop].T
        block = inverse[start:stop, start:stop]
        block[:] = np.tril(block) + np.tril(block, -1).T
    return np.asarray(inverse.T)

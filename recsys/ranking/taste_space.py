"""The space of tastes for onboarding: popular products as points, similar ones close together. Pure.

The similarities come from the best suited source of the model; without a model, from texts. The points are the leading
eigenvectors of the cosine kernel. Products outside the pool are projected by their similarity to the pool (Nyström).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

from recsys.arrays import (
    Bools,
    Doubles,
    Floats,
    Ints,
)
from recsys.ranking.item_statistics import COLUMNS, ItemStatistics
from recsys.sources.factors import Factors
from recsys.sources.item_item import ItemItem
from recsys.sources.scoring import Scoring

POOL_SIZE = 250
"""The number of products to ask about: the most popular ones."""
MAX_DIMENSIONS = 32
SIMILARITY_SOURCES = ("ease", "als", "rp3beta", "item_knn", "covisitation", "content")
"""Sources of similarities, in order of preference; the first one in the model is used."""
MIN_EIGENVALUE_SHARE = 1e-6
"""Eigenvalues below this share of the largest are noise."""
ItemVectors = Callable[[Ints], Any]
"""Item codes → one vector each, dense or csr, of any length; similar products have similar vectors."""


@dataclass(frozen=True)
class TasteSpace:
    """`pool` int32[m] are the codes that may be asked about, the most popular first.

    `points` float64[m, d] are their coordinates, of length 1 at most. `familiarity` float64[m] is the chance that a
    shopper knows them, `demand` float64[m] their recent popularity; both are relative to the largest.
    """

    pool: Ints
    points: Doubles
    familiarity: Doubles
    demand: Doubles
    _vectors_of: ItemVectors
    _pool_vectors: Any
    _projection: Doubles

    @classmethod
    def of(cls, rows: ItemVectors, pool: Ints, statistics: ItemStatistics | None) -> "TasteSpace":
        """Return the space of the pool's products; a product with an empty vector is at the origin.

        Without statistics, all products have familiarity and demand 1.
        """
        pool_vectors = _normalized(rows(pool))
        kernel = np.asarray(_dense(pool_vectors @ pool_vectors.T), np.float64)
        values, vectors = np.linalg.eigh(kernel) if len(pool) else (np.empty(0), np.empty((0, 0)))
        axes = np.argsort(-values, kind="stable")[:MAX_DIMENSIONS]
        axes = axes[values[axes] > MIN_EIGENVALUE_SHARE * max(values.max(initial=0.0), MIN_EIGENVALUE_SHARE)]
        roots = np.sqrt(values[axes])
        familiarity, demand = (
            _relative_to_max(pool, statistics, "shoppers"),
            _relative_to_max(pool, statistics, "popular_90d"),
        )
        return cls(pool, vectors[:, axes] * roots, familiarity, demand, rows, pool_vectors, vectors[:, axes] / roots)

    def points_of(self, codes: Ints) -> Doubles:
        """Return float64[len(codes), d]: the coordinates of products, in the pool or not."""
        place_of_code = {code: place for place, code in enumerate(self.pool.tolist())}
        places_in_pool = np.array([place_of_code.get(code, -1) for code in codes.tolist()], np.int64)
        inside = places_in_pool >= 0
        points = np.zeros((len(codes), self.points.shape[1]))
        points[inside] = self.points[places_in_pool[inside]]
        if not inside.all():
            similarity = np.asarray(
                _dense(_normalized(self._vectors_of(codes[~inside])) @ self._pool_vectors.T), np.float64
            )
            points[~inside] = similarity @ self._projection
        return points


def question_pool(popular: Ints, groups: Ints, on_sale: Bools) -> Ints:
    """Return the first `POOL_SIZE` codes on sale, one of each variant group (-1 is no group).

    `popular` holds item codes, the most popular first.
    """
    candidates = popular[on_sale[popular]]
    keys = np.where(groups[candidates] < 0, -1 - candidates, groups[candidates])
    _, first = np.unique(keys, return_index=True)
    pool: Ints = candidates[np.sort(first)[:POOL_SIZE]].astype(np.int32)
    return pool


def _relative_to_max(pool: Ints, statistics: ItemStatistics | None, column: str) -> Doubles:
    """Return float64[m]: a count of the statistics, plus one, over the largest."""
    if statistics is None or not len(pool):
        return np.ones(len(pool))
    counts = 1 + np.expm1(np.nan_to_num(statistics.table[pool, COLUMNS.index(column)]).astype(np.float64))
    shares: Doubles = counts / counts.max()
    return shares


def item_vectors(sources: Mapping[str, Scoring]) -> ItemVectors | None:
    """Return the vectors of the preferred source; None where the model holds none of them."""
    source = next((sources[name] for name in SIMILARITY_SOURCES if name in sources), None)
    if isinstance(source, Factors):
        return lambda codes: _known_vectors(source.vectors, codes)
    if isinstance(source, ItemItem):
        return lambda codes: _neighbors(source, codes)
    return None


def _known_vectors(vectors: Floats, codes: Ints) -> Floats:
    """Return the vectors of the codes, zeros for products created after training."""
    rows = np.zeros((len(codes), vectors.shape[1]), np.float32)
    is_known = codes < len(vectors)
    rows[is_known] = vectors[codes[is_known]]
    return rows


def _neighbors(source: ItemItem, codes: Ints) -> Any:
    """Return csr float64[len(codes), n_items]: each item's neighbors, and itself at their largest value."""
    known_codes = codes[codes < source.n_items]
    columns, gains, row_of_entry = source.table.lookup(known_codes)
    values = np.maximum(gains, 0.0)
    largest = np.zeros(len(known_codes))
    np.maximum.at(largest, row_of_entry, values)
    rows = np.flatnonzero(codes < source.n_items)
    cells = (
        np.concatenate([values, largest]),
        (rows[np.concatenate([row_of_entry, np.arange(len(known_codes))])], np.r_[columns, known_codes]),
    )
    return sparse.csr_matrix(cells, shape=(len(codes), source.n_items), dtype=np.float64)


def _normalized(rows: Any) -> Any:
    """Return the rows scaled to length 1; zero rows stay zero."""
    if sparse.issparse(rows):
        lengths = np.sqrt(np.asarray(rows.multiply(rows).sum(axis=1)).ravel())
        return sparse.diags(1 / np.maximum(lengths, 1e-12)) @ rows
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)


def _dense(matrix: Any) -> Any:
    return matrix.toarray() if sparse.issparse(matrix) else matrix

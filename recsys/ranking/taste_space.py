"""The space of tastes that onboarding asks about: well known products as points, alike ones close together. Pure.

Built from whichever source of the model tells best what is alike, without a model from the catalogue's own words. The
points are the leading axes of the products' likeness to each other (a kernel, so never negative in any direction);
products outside the pool are placed by their likeness to those inside (Nyström).
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
"""How many products may be asked about: the best known ones."""
MAX_DIMENSIONS = 32
SIMILARITY_SOURCES = ("ease", "als", "rp3beta", "item_knn", "covisitation", "content")
"""Which source says what is alike: the first one that the model holds."""
MIN_EIGENVALUE_SHARE = 1e-6
"""Axes that hold less than this share of the first one's likeness are noise."""
ItemVectors = Callable[[Ints], Any]
"""Item codes → one row of numbers each, dense or csr, of whatever length: alike products have alike rows."""


@dataclass(frozen=True)
class TasteSpace:
    """`pool` int32[m] are the codes that may be asked about, the best known first.

    `points` float64[m, d] are their places, of length 1 at most; `known` float64[m] the chance that a shopper knows and
    likes them, `matter` how much they are taken lately, both relative to the first among them.
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
        """Return the space of the pool's products; one that nothing is known of stands at the origin.

        Without statistics all products are as well known and matter as much.
        """
        pool_vectors = _normalized(rows(pool))
        kernel = np.asarray(_dense(pool_vectors @ pool_vectors.T), np.float64)
        values, vectors = np.linalg.eigh(kernel) if len(pool) else (np.empty(0), np.empty((0, 0)))
        axes = np.argsort(-values, kind="stable")[:MAX_DIMENSIONS]
        axes = axes[values[axes] > MIN_EIGENVALUE_SHARE * max(values.max(initial=0.0), MIN_EIGENVALUE_SHARE)]
        roots = np.sqrt(values[axes])
        familiarity, demand = (
            _relative_to_first(pool, statistics, "shoppers"),
            _relative_to_first(pool, statistics, "popular_90d"),
        )
        return cls(pool, vectors[:, axes] * roots, familiarity, demand, rows, pool_vectors, vectors[:, axes] / roots)

    def points_of(self, codes: Ints) -> Doubles:
        """Return float64[len(codes), d]: where products stand, also such that are not in the pool."""
        places = {code: place for place, code in enumerate(self.pool.tolist())}
        familiarity = np.array([places.get(code, -1) for code in codes.tolist()], np.int64)
        inside = familiarity >= 0
        points = np.zeros((len(codes), self.points.shape[1]))
        points[inside] = self.points[familiarity[inside]]
        if not inside.all():
            similarity = np.asarray(
                _dense(_normalized(self._vectors_of(codes[~inside])) @ self._pool_vectors.T), np.float64
            )
            points[~inside] = similarity @ self._projection
        return points


def question_pool(popular: Ints, groups: Ints, on_sale: Bools) -> Ints:
    """Return the first `POOL` codes on sale, best known first, one of each variant group (-1 is no group)."""
    candidates = popular[on_sale[popular]]
    keys = np.where(groups[candidates] < 0, -1 - candidates, groups[candidates])
    _, first = np.unique(keys, return_index=True)
    pool: Ints = candidates[np.sort(first)[:POOL_SIZE]].astype(np.int32)
    return pool


def _relative_to_first(pool: Ints, statistics: ItemStatistics | None, column: str) -> Doubles:
    """Return a count of the statistics, one more each, as shares of the largest."""
    if statistics is None or not len(pool):
        return np.ones(len(pool))
    counts = 1 + np.expm1(np.nan_to_num(statistics.table[pool, COLUMNS.index(column)]).astype(np.float64))
    shares: Doubles = counts / counts.max()
    return shares


def item_vectors(sources: Mapping[str, Scoring]) -> ItemVectors | None:
    """Return what the model says of likeness; None where it holds no source that tells."""
    source = next((sources[name] for name in SIMILARITY_SOURCES if name in sources), None)
    if isinstance(source, Factors):
        return lambda codes: _known_vectors(source.vectors, codes)
    if isinstance(source, ItemItem):
        return lambda codes: _neighbors(source, codes)
    return None


def _known_vectors(vectors: Floats, codes: Ints) -> Floats:
    """Return the vectors of the codes, zeros for products made since the model was."""
    found_vectors = np.zeros((len(codes), vectors.shape[1]), np.float32)
    familiarity = codes < len(vectors)
    found_vectors[familiarity] = vectors[codes[familiarity]]
    return found_vectors


def _neighbors(source: ItemItem, codes: Ints) -> Any:
    """Return each item's neighbors and itself, csr float64[len(codes), n_items]."""
    familiarity = codes[codes < source.n_items]
    columns, gains, row_of_entry = source.table.found(familiarity)
    values = np.maximum(gains, 0.0)
    largest = np.zeros(len(familiarity))
    np.maximum.at(largest, row_of_entry, values)
    rows = np.flatnonzero(codes < source.n_items)
    cells = (
        np.concatenate([values, largest]),
        (rows[np.concatenate([row_of_entry, np.arange(len(familiarity))])], np.r_[columns, familiarity]),
    )
    return sparse.csr_matrix(cells, shape=(len(codes), source.n_items), dtype=np.float64)


def _normalized(rows: Any) -> Any:
    """Return the rows with length 1; zeros stay zeros."""
    if sparse.issparse(rows):
        lengths = np.sqrt(np.asarray(rows.multiply(rows).sum(axis=1)).ravel())
        return sparse.diags(1 / np.maximum(lengths, 1e-12)) @ rows
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)


def _dense(matrix: Any) -> Any:
    return matrix.toarray() if sparse.issparse(matrix) else matrix

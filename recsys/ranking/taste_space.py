"""The space of tastes that onboarding asks about: well known products as points, alike ones close together. Pure.

Built from whichever source of the model tells best what is alike, without a model from the catalog's own words. The
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

POOL = 250
"""How many products may be asked about: the best known ones."""
AXES = 32
TELLS = ("ease", "als", "rp3beta", "item_knn", "covisitation", "content")
"""Which source says what is alike: the first one that the model holds."""
FAINT = 1e-6
"""Axes that hold less than this share of the first one's likeness are noise."""
Rows = Callable[[Ints], Any]
"""Item codes → one row of numbers each, dense or csr, of whatever length: alike products have alike rows."""


@dataclass(frozen=True)
class TasteSpace:
    """`pool` int32[m] are the codes that may be asked about, the best known first.

    `points` float64[m, d] are their places, of length 1 at most; `known` float64[m] the chance that a shopper knows and
    likes them, `matter` how much they are taken lately, both relative to the first among them.
    """

    pool: Ints
    points: Doubles
    known: Doubles
    matter: Doubles
    _rows: Rows
    _pooled: Any
    _axes: Doubles

    @classmethod
    def of(cls, rows: Rows, pool: Ints, statistics: ItemStatistics | None) -> "TasteSpace":
        """Return the space of the pool's products; one that nothing is known of stands at the origin.

        Without statistics all products are as well known and matter as much.
        """
        pooled = _unit(rows(pool))
        kernel = np.asarray(_dense(pooled @ pooled.T), np.float64)
        values, vectors = np.linalg.eigh(kernel) if len(pool) else (np.empty(0), np.empty((0, 0)))
        kept = np.argsort(-values, kind="stable")[:AXES]
        kept = kept[values[kept] > FAINT * max(values.max(initial=0.0), FAINT)]
        roots = np.sqrt(values[kept])
        known, matter = _relative(pool, statistics, "shoppers"), _relative(pool, statistics, "popular_90d")
        return cls(pool, vectors[:, kept] * roots, known, matter, rows, pooled, vectors[:, kept] / roots)

    def at(self, codes: Ints) -> Doubles:
        """Return float64[len(codes), d]: where products stand, also such that are not in the pool."""
        places = {code: place for place, code in enumerate(self.pool.tolist())}
        known = np.array([places.get(code, -1) for code in codes.tolist()], np.int64)
        inside = known >= 0
        found = np.zeros((len(codes), self.points.shape[1]))
        found[inside] = self.points[known[inside]]
        if not inside.all():
            cross = np.asarray(_dense(_unit(self._rows(codes[~inside])) @ self._pooled.T), np.float64)
            found[~inside] = cross @ self._axes
        return found


def pool_of(popular: Ints, groups: Ints, on_sale: Bools) -> Ints:
    """Return the first `POOL` codes on sale, best known first, one of each variant group (-1 is no group)."""
    listed = popular[on_sale[popular]]
    keys = np.where(groups[listed] < 0, -1 - listed, groups[listed])
    _, first = np.unique(keys, return_index=True)
    pool: Ints = listed[np.sort(first)[:POOL]].astype(np.int32)
    return pool


def _relative(pool: Ints, statistics: ItemStatistics | None, column: str) -> Doubles:
    """Return a count of the statistics, one more each, as shares of the largest."""
    if statistics is None or not len(pool):
        return np.ones(len(pool))
    counts = 1 + np.expm1(np.nan_to_num(statistics.table[pool, COLUMNS.index(column)]).astype(np.float64))
    shares: Doubles = counts / counts.max()
    return shares


def rows_of(sources: Mapping[str, Scoring]) -> Rows | None:
    """Return what the model says of likeness; None where it holds no source that tells."""
    source = next((sources[name] for name in TELLS if name in sources), None)
    if isinstance(source, Factors):
        return lambda codes: _inside(source.vectors, codes)
    if isinstance(source, ItemItem):
        return lambda codes: _neighbors(source, codes)
    return None


def _inside(vectors: Floats, codes: Ints) -> Floats:
    """Return the vectors of the codes, zeros for products made since the model was."""
    found = np.zeros((len(codes), vectors.shape[1]), np.float32)
    known = codes < len(vectors)
    found[known] = vectors[codes[known]]
    return found


def _neighbors(source: ItemItem, codes: Ints) -> Any:
    """Return each item's neighbors and itself, csr float64[len(codes), n_items]."""
    known = codes[codes < source.n_items]
    columns, gains, places = source.table.lookup(known)
    values = np.maximum(gains, 0.0)
    own = np.zeros(len(known))
    np.maximum.at(own, places, values)
    rows = np.flatnonzero(codes < source.n_items)
    cells = (
        np.concatenate([values, own]),
        (rows[np.concatenate([places, np.arange(len(known))])], np.r_[columns, known]),
    )
    return sparse.csr_matrix(cells, shape=(len(codes), source.n_items), dtype=np.float64)


def _unit(rows: Any) -> Any:
    """Return the rows with length 1; zeros stay zeros."""
    if sparse.issparse(rows):
        lengths = np.sqrt(np.asarray(rows.multiply(rows).sum(axis=1)).ravel())
        return sparse.diags(1 / np.maximum(lengths, 1e-12)) @ rows
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)


def _dense(matrix: Any) -> Any:
    return matrix.toarray() if sparse.issparse(matrix) else matrix

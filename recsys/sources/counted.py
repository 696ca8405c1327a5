"""Item-to-item tables from exact counts, of which an erasure changes single rows. Pure.

A score is left_i · count_ij · right_j. Counts are sums of whole numbers (fixed point), so they are equal in any order
of shoppers. A shopper adds only to counts of pairs of own items. Taking a shopper out therefore changes the rows and
the columns of these items, and other rows only there (`relearned`). Published: Schelter, Ariannezhad, de Rijke,
"Forget me now: fast and exact unlearning in neighborhood-based recommendation", SIGIR 2023.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from scipy import sparse

from recsys.arrays import Bools, Doubles, Floats, Ints, Longs
from recsys.compiled import compiled
from recsys.sources.matrix import Matrix, top_k_per_row
from recsys.sources.neighbors import MAX_ENTRIES, Rows, block_rows, build_table
from recsys.sources.storage import Array, Arrays

PRODUCT_BITS = 18
"""Weights that are multiplied have 18 binary digits of the item's largest one: 130,000 shoppers' products are exact
in float64."""
SUM_BITS = 30
"""Weights that are only added have 30 binary digits of the item's largest one: 8 million of them are exact."""
WHOLE_SHARE = 0.5
"""If more than this share of the items changed, the whole table is learned anew."""


class Counts(Protocol):
    """Counts of pairs of items, and the factors that turn them into scores, float64[n_items] each."""

    @property
    def left(self) -> Doubles:
        """The factors of rows."""

    @property
    def right(self) -> Doubles:
        """The factors of columns."""

    def chunks(self) -> Iterator[Matrix]:
        """Yield all rows, in csr float64 chunks."""

    def block(self, items: Longs) -> tuple[Matrix, Matrix]:
        """Return the items' rows, csr float64[len(items), n_items], and their columns, csr [n_items, len(items)]."""


def exponents(items: Ints, values: Array, n_items: int) -> Ints:
    """Return int32[n_items]: the power of two above each item's largest value."""
    powers: Ints = np.frexp(_largest(items, values, n_items))[1]
    return powers


@compiled
def _largest(items: Ints, values: Array, n_items: int) -> Doubles:
    """Return float64[n_items]: each item's largest value, at least 0."""
    largest = np.zeros(n_items)
    for entry in range(len(items)):
        largest[items[entry]] = max(largest[items[entry]], values[entry])
    return largest


def fixed_point(matrix: Matrix, *, bits: int) -> tuple[Matrix, Ints]:
    """Return the matrix [., n_items] in whole units of 2 ** (exponent - bits), and the exponent of each item.

    The unit is a fraction of the item's largest value, so that items of long ago keep their digits.
    """
    exponent = exponents(matrix.indices, matrix.data, matrix.shape[1])
    data = np.rint(np.ldexp(matrix.data.astype(np.float64), bits - exponent[matrix.indices]))
    whole = sparse.csr_matrix((data, matrix.indices, matrix.indptr), shape=matrix.shape, copy=True)
    whole.eliminate_zeros()
    return whole, exponent


def exact_column_sums(matrix: Matrix) -> Doubles:
    """Return float64[n_items]: the sums of columns, equal in any order of rows."""
    whole, exponent = fixed_point(matrix, bits=SUM_BITS)
    return np.ldexp(np.bincount(whole.indices, whole.data, matrix.shape[1]), exponent - SUM_BITS)


@dataclass(frozen=True)
class SharedSets:
    """Counts of what the sets (shoppers, sessions) of two items have in common: firstᵀ · second.

    Both are csr float64[n_sets, n_items] of whole numbers.
    """

    first: Matrix
    second: Matrix
    left: Doubles
    right: Doubles

    def chunks(self) -> Iterator[Matrix]:
        """Yield all rows, in csr float64 chunks."""
        items, size = self.first.T.tocsr(), block_rows(self.first.shape[1])
        for start in range(0, items.shape[0], size):
            yield items[start : start + size] @ self.second

    def block(self, items: Longs) -> tuple[Matrix, Matrix]:
        """Return the items' rows and columns."""
        rows = self.first[:, items].T.tocsr() @ self.second
        columns = rows.T.tocsr() if self.first is self.second else self.first.T.tocsr() @ self.second[:, items]
        return rows, columns


def squares(whole: Matrix) -> Doubles:
    """Return float64[n_items]: the sums of squares of columns of whole numbers."""
    return np.asarray(np.bincount(whole.indices, whole.data**2, whole.shape[1]), np.float64)


def own_scores(counts: SharedSets) -> Floats:
    """Return float32[n_items]: the score that each item gains from itself; 0 without shoppers.

    Both sides of the counts are the same.
    """
    return (squares(counts.first) * counts.left * counts.right).astype(np.float32)


def learned(counts: Counts, *, max_neighbors: int) -> Rows:
    """Return the `max_neighbors` best neighbors of each item."""
    start = 0

    def scored() -> Iterator[Matrix]:
        nonlocal start
        for chunk in counts.chunks():
            items = np.arange(start, start + chunk.shape[0])
            start += chunk.shape[0]
            yield _scores(chunk, counts.left[items], counts.right)

    return build_table(scored(), max_neighbors=max_neighbors, own=np.zeros(len(counts.left), np.float32)).rows


def relearned(counts: Counts, before: Arrays, changed: Longs, *, max_neighbors: int) -> Rows:
    """Return what `learned` returns, from the table `before` in which only pairs of `changed` items had other counts.

    The factors of the other items must be as they were. Rows of changed items are computed anew. In other rows the
    changed columns are replaced; a row that may miss a neighbor that it had no place for is computed anew as well.
    """
    n = len(counts.left)
    if len(changed) > WHOLE_SHARE * n or n * max_neighbors > MAX_ENTRIES:
        return learned(counts, max_neighbors=max_neighbors)
    rows, columns = counts.block(changed)
    columns = _scores(columns, counts.left, counts.right[changed])
    columns.eliminate_zeros()
    columns.sort_indices()
    is_changed = np.zeros(n, np.bool_)
    is_changed[changed] = True
    indptr, indices, values = (np.array(before[name]) for name in ("indptr", "indices", "values"))
    places, codes = columns.indptr.astype(np.int64), changed[columns.indices].astype(np.int32)
    merged, is_doubtful = _merged(indptr, indices, values, places, codes, columns.data, is_changed, max_neighbors)
    table = sparse.csr_matrix((merged[2], merged[1], merged[0]), shape=(n, n))
    for items, own in ((changed, rows), (doubtful := np.flatnonzero(is_doubtful), None)):
        if len(items):
            block = counts.block(doubtful)[0] if own is None else own
            table = table + _placed(_best(block, items, counts, max_neighbors), items)
    table.sort_indices()
    return Rows.of(table)


def best_scores(rows: Rows) -> Floats:
    """Return float32[n_items]: the score of each item's best neighbor; 0 without any."""
    best = np.zeros(len(rows.indptr) - 1, np.float32)
    np.maximum.at(best, np.repeat(np.arange(len(best)), np.diff(rows.indptr)), rows.values)
    return best


def _scores(counts: Matrix, left: Doubles, right: Doubles) -> Matrix:
    data = counts.data * np.repeat(left, np.diff(counts.indptr)) * right[counts.indices]
    return sparse.csr_matrix((data.astype(np.float32), counts.indices, counts.indptr), shape=counts.shape)


def _best(counts: Matrix, items: Longs, own: Counts, max_neighbors: int) -> Matrix:
    """Return the best neighbors of some items, csr float32[len(items), n_items], by their counts."""
    scores = _scores(counts, own.left[items], own.right)
    scores.data[scores.indices == np.repeat(items, np.diff(scores.indptr))] = 0
    scores.eliminate_zeros()
    return top_k_per_row(scores, max_neighbors)


def _placed(rows: Matrix, items: Longs) -> Matrix:
    """Return csr float32[n_items, n_items] with the rows at the places of the items, ascending."""
    n = rows.shape[1]
    lengths = np.zeros(n, np.int64)
    lengths[items] = np.diff(rows.indptr)
    return sparse.csr_matrix((rows.data, rows.indices, np.concatenate([[0], np.cumsum(lengths)])), shape=(n, n))


@compiled
def _merged(
    indptr: Array,
    columns: Ints,
    values: Floats,
    new_indptr: Array,
    new_columns: Ints,
    new_values: Floats,
    is_changed: Bools,
    k: int,
) -> tuple[tuple[Array, Ints, Floats], Bools]:
    """Return the rows that no changed item has, with the new values in changed columns, and which rows are doubtful.

    Rows of changed items and doubtful rows are empty. A row is doubtful if it was full, and its last neighbor is no
    longer certain to beat those that it had no place for.
    """
    n = len(indptr) - 1
    is_doubtful = np.zeros(n, np.bool_)
    ends = np.zeros(n + 1, np.int64)
    out_columns, out_values = (
        np.empty(len(columns) + len(new_columns), np.int32),
        np.empty(len(columns) + len(new_columns), np.float32),
    )
    at = 0
    for row in range(n):
        begin = at
        if not is_changed[row]:
            old, old_end = indptr[row], indptr[row + 1]
            new, new_end = new_indptr[row], new_indptr[row + 1]
            is_full = old_end - old >= k
            worst, worst_column, touches = np.float32(np.inf), np.int32(-1), new < new_end
            for entry in range(old, old_end):
                touches = touches or is_changed[columns[entry]]
                if values[entry] < worst or (values[entry] == worst and columns[entry] > worst_column):
                    worst, worst_column = values[entry], columns[entry]
            while old < old_end or new < new_end:
                if old < old_end and is_changed[columns[old]]:
                    old += 1
                elif new < new_end and (old == old_end or new_columns[new] < columns[old]):
                    out_columns[at], out_values[at] = new_columns[new], new_values[new]
                    new += 1
                    at += 1
                else:
                    out_columns[at], out_values[at] = columns[old], values[old]
                    old += 1
                    at += 1
            if touches and is_full and at - begin < k:
                is_doubtful[row] = True
            elif touches and at - begin >= k:
                count = at - begin
                cutoff = np.partition(out_values[begin:at], count - k)[count - k]
                places = k - np.sum(out_values[begin:at] > cutoff)
                last, end = np.int32(-1), begin
                for entry in range(begin, at):  # ascending columns: ties go to the lower one
                    value = out_values[entry]
                    if value == cutoff and places > 0:
                        places -= 1
                        last = out_columns[entry]
                    elif value <= cutoff:
                        continue
                    out_columns[end], out_values[end] = out_columns[entry], value
                    end += 1
                at = end
                is_doubtful[row] = is_full and (cutoff < worst or (cutoff == worst and last > worst_column))
            if is_doubtful[row]:
                at = begin
        ends[row + 1] = at
    return (ends, out_columns[:at].copy(), out_values[:at].copy()), is_doubtful

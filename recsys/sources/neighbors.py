"""Item-to-item tables: the best neighbors of each item, in flat arrays that can be memory-mapped. Pure."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from scipy import sparse

from recsys.arrays import Bools, Floats, Ints, Longs
from recsys.compiled import frozen
from recsys.sources.decay import Query, Weights
from recsys.sources.gains import NO_ROWS, NOTHING_MORE, CompiledRows, enter_shares, gains_of_one, sparse_gains
from recsys.sources.matrix import Matrix, top_k_per_row
from recsys.sources.storage import Array, Arrays

CHUNK_ROWS = 2048
"""Number of items whose neighbors are computed at once."""
MAX_ENTRIES = 1 << 24
"""The largest number of entries of a table, 128 MB; the longest rows are cut to one length if there are more.

A table of 400,000 items with 200 neighbors each would take 640 MB, and a model has half a dozen tables."""
ROW_ARRAYS, LATER_PREFIX = ("indptr", "indices", "values"), "later_"
"""Names of a table's stored arrays, and the prefix of those of later items."""
SPARSE_FACTOR = 10
"""If this many times the needed entries are fewer than all, only the needed rows are converted to float64.

For few shoppers and a large catalog, converting all rows would take most of the time."""


@dataclass(frozen=True, slots=True)
class Rows:
    """The arrays of a csr matrix: row i has the neighbors of item i and the scores that they gain from it."""

    indptr: Array
    indices: Ints
    values: Floats

    def __post_init__(self) -> None:
        for name in ROW_ARRAYS:
            object.__setattr__(self, name, frozen(getattr(self, name)))

    @classmethod
    def of(cls, matrix: Matrix) -> Self:
        """Return the rows of a csr matrix, in the stored types."""
        return cls(matrix.indptr.astype(np.int64), matrix.indices.astype(np.int32, copy=False), matrix.data)

    @property
    def arrays(self) -> tuple[Array, Ints, Floats]:
        """The arrays, for compiled code."""
        return self.indptr, self.indices, self.values

    def matrix(self) -> Matrix:
        """Return csr float32[n, n]."""
        n = len(self.indptr) - 1
        return sparse.csr_matrix((self.values, self.indices, self.indptr), shape=(n, n))

    def lengths(self, codes: Ints) -> Array:
        """Return int64[len(codes)]: the number of neighbors of each item."""
        return self.indptr[codes + 1] - self.indptr[codes]

    def lookup(self, codes: Ints) -> tuple[Ints, Floats, Array]:
        """Return the neighbors of the items, their values, and the position in `codes` of each one's row."""
        starts, lengths = self.indptr[codes], self.lengths(codes)
        ends = np.cumsum(lengths)
        places = np.repeat(np.arange(len(codes)), lengths)
        entries = np.arange(ends[-1] if len(ends) else 0) + (starts - (ends - lengths))[places]
        return self.indices[entries], self.values[entries], places


@dataclass(frozen=True, slots=True)
class Neighbors:
    """The neighbor table. `own` is float32[n_items]: the score that an item gains from itself.

    `later` has what was added after the fit: entries of new items, and live counts. So neither rewrites a large table.
    A pair may be in both; its scores add up.
    """

    rows: Rows
    own: Floats
    later: Rows | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "own", frozen(self.own))

    @classmethod
    def of(cls, arrays: Arrays) -> Self:
        """Return the table of stored arrays, as `arrays` returns them."""
        rows, later = ([arrays.get(f"{part}{name}") for name in ROW_ARRAYS] for part in ("", LATER_PREFIX))
        return cls(Rows(*rows), arrays["own"], None if later[0] is None else Rows(*later))  # type: ignore[arg-type]

    def arrays(self) -> Arrays:
        """Return the arrays to store, by name."""
        parts = {"": self.rows} if self.later is None else {"": self.rows, LATER_PREFIX: self.later}
        arrays = {f"{part}{name}": getattr(rows, name) for part, rows in parts.items() for name in ROW_ARRAYS}
        return {**arrays, "own": self.own}

    @property
    def _parts(self) -> tuple[Rows, ...]:
        return (self.rows,) if self.later is None else (self.rows, self.later)

    def lookup(self, codes: Ints) -> tuple[Ints, Floats, Array]:
        """Return the neighbors of the items, their values, and the position in `codes` of each one's row.

        Entries of `rows` come first, row by row, then those of `later`.
        """
        if self.later is None:
            return self.rows.lookup(codes)
        both = zip(self.rows.lookup(codes), self.later.lookup(codes), strict=True)
        indices, values, places = map(np.concatenate, both)
        return indices, values, places

    def matrix(self) -> Matrix:
        """Return csr float32[n_items, n_items]: row i has the scores that others gain from item i."""
        return self.rows.matrix() if self.later is None else self.rows.matrix() + self.later.matrix()

    def lengths(self, codes: Ints) -> Array:
        """Return int64[len(codes)]: the number of neighbors of each item."""
        lengths = self.rows.lengths(codes)
        return lengths if self.later is None else lengths + self.later.lengths(codes)

    def is_neighbor(self) -> Bools:
        """Return bool[n_items]: which items are a neighbor of any item."""
        mask = np.zeros(len(self.own), np.bool_)
        for part in self._parts:
            mask[part.indices] = True
        return mask

    def extended(self, new_columns: Matrix, new_rows: "Neighbors") -> "Neighbors":
        """Return the table with added items.

        `new_columns`, csr float32[n_items, n_new], has the new items as neighbors of old ones; `new_rows` is the table
        of the new items' neighbors.
        """
        old, new = new_columns.shape
        shape = old + new, old + new
        added = sparse.csr_matrix(
            (new_columns.data, new_columns.indices + old, new_columns.indptr), shape=(old, old + new)
        )
        if self.later is not None:
            rows = self.later
            added += sparse.csr_matrix((rows.values, rows.indices, rows.indptr), shape=(old, old + new))
        if added.nnz > MAX_ENTRIES:  # after many additions one by one
            added = top_k_per_row(added, max(1, MAX_ENTRIES // old))
        parts = ((added.data, new_rows.rows.values), (added.indices, new_rows.rows.indices))
        ends = np.concatenate([added.indptr, added.indptr[-1] + new_rows.rows.indptr[1:]])
        later = sparse.csr_matrix((*map(np.concatenate, parts), ends), shape=shape)
        ended = np.concatenate([self.rows.indptr, np.full(new, self.rows.indptr[-1])])
        return Neighbors(replace(self.rows, indptr=ended), np.concatenate([self.own, new_rows.own]), Rows.of(later))

    def with_later(self, later: Rows) -> "Neighbors":
        """Return the table with other later rows, which may know more items; these have no other neighbors."""
        n_items, ends = len(later.indptr) - 1, self.rows.indptr
        added = n_items - len(self.own)
        rows = replace(self.rows, indptr=np.concatenate([ends, np.full(added, ends[-1])])) if added else self.rows
        return Neighbors(rows, np.pad(self.own, (0, added)), later)

    def gains(self, query: Query, own_weight: float) -> Weights:
        """Return float64[n_items]: the score of each item by the query's items; `own_weight` scales `own`."""
        codes, sums = self.sparse_gains(query, own_weight)
        gains = np.zeros(len(self.own))
        gains[codes] = sums
        return gains

    def sparse_gains(self, query: Query, own_weight: float, *, more: Weights = NOTHING_MORE) -> tuple[Ints, Weights]:
        """Return the items that the query's items score, in no order, and their scores, float64.

        `more`, float64[n_codes] or empty, is added to the scores of the query's own items.
        """
        codes, weights = query
        return sparse_gains(codes, weights, self._compiled_rows, self._compiled_later, self.own, own_weight, more)

    def enter_shares(self, source: int, places: Ints, matrix: Floats, column: int) -> None:
        """Write into a column of float32[n, …] the score that each candidate gains from `source`.

        It is a share of the best score that the source gives. `places`, int32[n_items], is each item's row, -1 for no
        candidate. The column holds zeros.
        """
        if 0 <= source < len(self.own):
            enter_shares(source, self._compiled_rows, self._compiled_later, places, matrix, column)

    @property
    def _compiled_rows(self) -> CompiledRows:
        return self.rows.arrays

    @property
    def _compiled_later(self) -> CompiledRows:
        return NO_ROWS if self.later is None else self.later.arrays

    def gains_many(self, queries: Sequence[Query], own_weight: float) -> Iterator[Weights]:
        """Yield `gains` of each query, summed in the same order; the yielded array is reused for the next query."""
        rows, used = query_matrix(queries, len(self.own)), None
        if SPARSE_FACTOR * self.lengths(rows.indices).sum() < sum(len(own.values) for own in self._parts):
            used, columns = np.unique(rows.indices, return_inverse=True)
            rows = sparse.csr_matrix((rows.data, columns, rows.indptr), (len(queries), len(used)))
        summed = (rows if self.later is None else repeat_columns(rows)) @ self._wide(used)
        gains = np.empty(len(self.own))
        for row, (codes, weights) in enumerate(queries):
            entries = slice(summed.indptr[row], summed.indptr[row + 1])
            gains.fill(0)
            gains[summed.indices[entries]] = summed.data[entries]
            if own_weight:
                gains[codes] += own_weight * weights * self.own[codes]
            yield gains

    def _wide(self, codes: Ints | None) -> Matrix:
        """Return csr float64[., n_items]: the rows of some items, or of all for None, then the same rows of `later`."""
        if codes is not None:
            (indices, values, _), lengths = self.lookup(codes), [own.lengths(codes) for own in self._parts]
        elif self.later is None:
            return self.rows.matrix().astype(np.float64)
        else:
            indices, values = (np.concatenate([getattr(own, name) for own in self._parts]) for name in ROW_ARRAYS[1:])
            lengths = [np.diff(own.indptr) for own in self._parts]
        ends = np.cumsum(np.concatenate([[0], *lengths]))
        return sparse.csr_matrix((values.astype(np.float64), indices, ends), (len(ends) - 1, len(self.own)))

    def values_between(self, sources: Longs, items: Longs) -> Floats:
        """Return float32[n]: the score that items[i] gains from sources[i], as a share of the best that it gives.

        0 where it is no neighbor. Codes outside the table, also -1, give 0.
        """
        n = len(self.own)
        inside = (sources >= 0) & (sources < n) & (items < n)
        distinct, place_of = np.unique(sources[inside], return_inverse=True)
        indices, values, places = self.lookup(distinct.astype(np.int32))
        keys = places * np.int64(n) + indices
        order = np.argsort(keys)
        keys, values = keys[order], values[order]
        if self.later is not None:
            keys, starts = np.unique(keys, return_index=True)
            values = np.add.reduceat(values, starts) if len(starts) else values
        best = np.zeros(len(distinct), np.float32)
        np.maximum.at(best, keys // n, values)
        pair_keys = place_of * np.int64(n) + items[inside]
        at = np.searchsorted(keys, pair_keys)
        matches = np.flatnonzero(at < len(keys))
        matches = matches[keys[at[matches]] == pair_keys[matches]]
        shares = np.zeros(len(pair_keys), np.float32)
        shares[matches] = values[at[matches]] / np.where(best > 0, best, np.inf)[place_of[matches]]
        result = np.zeros(len(sources), np.float32)
        result[inside] = shares
        return result

    def explain(self, query: Query, item: int, k: int = 3) -> tuple[int, ...]:
        """Return the k items of the query that contribute most to the item's score, best first."""
        codes, weights = query
        gains = gains_of_one(codes, weights, self._compiled_rows, self._compiled_later, item)
        best = np.argsort(-gains, kind="stable")[:k]
        return tuple(int(codes[at]) for at in best if gains[at] > 0)


def query_matrix(queries: Sequence[Query], n_items: int) -> Matrix:
    """Return csr float64[n, n_items]: the weights of the items of each query."""
    lengths = [len(codes) for codes, _ in queries]
    indices = np.concatenate([codes for codes, _ in queries]) if queries else np.empty(0, np.int32)
    data = np.concatenate([weights for _, weights in queries]) if queries else np.empty(0)
    return sparse.csr_matrix((data, indices, np.cumsum([0, *lengths])), shape=(len(queries), n_items))


def repeat_columns(rows: Matrix) -> Matrix:
    """Return csr [n, 2 * n_items]: each row twice, side by side."""
    n, width = rows.shape
    places = np.repeat(np.arange(n), np.diff(rows.indptr))
    order = np.argsort(np.concatenate([places, places]), kind="stable")
    indices, data = np.concatenate([rows.indices, rows.indices + width]), np.concatenate([rows.data, rows.data])
    return sparse.csr_matrix((data[order], indices[order], 2 * rows.indptr), shape=(n, 2 * width))


def build_table(
    chunks: Iterator[Matrix] | Sequence[Matrix], *, max_neighbors: int, own: Floats | None = None, start: int = 0
) -> Neighbors:
    """Return the table of the `max_neighbors` best neighbors of each item.

    `chunks` are csr matrices of consecutive rows, from item `start` on. The diagonal becomes `own`, unless `own`,
    float32[n_items], is given. An item without a diagonal entry gains as much from itself as from its best neighbor.
    The table has at most `MAX_ENTRIES` entries.
    """
    parts, diagonals = [], []
    for chunk in chunks:
        diagonals.append(chunk.diagonal(start).astype(np.float32))
        parts.append(top_k_per_row(without_diagonal(chunk, start), max_neighbors))
        start += chunk.shape[0]
    whole = sparse.vstack(parts, format="csr") if parts else sparse.csr_matrix((0, 0))
    if whole.nnz > MAX_ENTRIES:
        whole = top_k_per_row(whole, _row_limit(np.diff(whole.indptr)))
    diagonal = np.concatenate(diagonals) if diagonals else np.empty(0, np.float32)
    best = whole.max(axis=1).toarray().ravel() if whole.nnz else np.zeros(whole.shape[0])
    own = np.where(diagonal > 0, diagonal, best) if own is None else own
    indices, values = whole.indices.astype(np.int32), whole.data.astype(np.float32)
    return Neighbors(Rows(whole.indptr.astype(np.int64), indices, values), own.astype(np.float32))


def _row_limit(lengths: Array) -> int:
    """Return the length, at least 1, to which rows are cut so that all have at most `MAX_ENTRIES` together."""
    ordered = np.sort(lengths)
    rest = len(ordered) - np.arange(len(ordered))  # rows at least as long
    room = (MAX_ENTRIES - np.cumsum(ordered) + ordered) // rest
    return max(1, int(room[np.argmax(room < ordered)]))


def without_diagonal(chunk: Matrix, start: int) -> Matrix:
    """Return a chunk of rows of a square matrix without the diagonal, in place; its first row is row `start`."""
    rows = np.repeat(np.arange(chunk.shape[0]), np.diff(chunk.indptr))
    chunk.data[chunk.indices == rows + start] = 0
    chunk.eliminate_zeros()
    return chunk


def product_chunks(
    left: Matrix, right: Matrix, finish: Callable[[Matrix], Matrix] = lambda chunk: chunk
) -> Iterator[Matrix]:
    """Yield `left @ right` in csr chunks of rows, each passed through `finish`."""
    size = block_rows(right.shape[1])
    for start in range(0, left.shape[0], size):
        yield finish((left[start : start + size] @ right).tocsr())


def block_rows(n_columns: int) -> int:
    """Return the number of rows of a chunk with `n_columns`: 32 million cells, at most `CHUNK_ROWS`."""
    return max(1, min(CHUNK_ROWS, (1 << 25) // max(1, n_columns)))


def top_k_of_dense(chunk: Floats, k: int) -> Matrix:
    """Return csr with the k largest entries of each row of a dense matrix, by absolute value."""
    if chunk.shape[1] <= k:
        return sparse.csr_matrix(chunk)
    columns = np.sort(np.argpartition(np.abs(chunk), chunk.shape[1] - k, axis=1)[:, -k:], axis=1)
    values = np.take_along_axis(chunk, columns, axis=1)
    indptr = np.arange(0, values.size + 1, k)
    return sparse.csr_matrix((values.ravel(), columns.ravel(), indptr), shape=chunk.shape)

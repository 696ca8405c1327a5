"""Item-to-item tables: the best neighbors of each item, flat arrays that processes share by memory map. Pure."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from scipy import sparse

from recsys.arrays import Bools, Floats, Ints
from recsys.sources.decay import Query, Weights
from recsys.sources.matrix import Matrix, top_k_per_row
from recsys.sources.storage import Array, Arrays

CHUNK_ROWS = 2048
"""How many items' neighbors are computed at once."""
MAX_ENTRIES = 1 << 24
"""Neighbors of all items together, at most: 128 MB. Where there would be more, the longest rows are cut, to one length.

Of 400,000 items a table of 200 each would be 640 MB, and there are half a dozen."""
ROW_ARRAYS, LATER_PREFIX = ("indptr", "indices", "values"), "later_"
"""How the arrays of a table are called where it is stored, and what stands before the names of what came later."""
SPARSE_FACTOR = 10
"""Where so many times the neighbors that are asked for are less than all, only rows that are asked for are widened: to
widen all would be most of the time where a few shoppers meet a large catalog."""


@dataclass(frozen=True, slots=True)
class Rows:
    """Row i, `indices[indptr[i]:indptr[i + 1]]`, are neighbors of item i and `values` how much they gain from it."""

    indptr: Array
    indices: Ints
    values: Floats

    @classmethod
    def of(cls, matrix: Matrix) -> Self:
        """Return the rows of a csr matrix, as they are stored."""
        return cls(matrix.indptr.astype(np.int64), matrix.indices.astype(np.int32, copy=False), matrix.data)

    def matrix(self) -> Matrix:
        """Return csr float32[n, n]."""
        n = len(self.indptr) - 1
        return sparse.csr_matrix((self.values, self.indices, self.indptr), shape=(n, n))

    def lengths(self, codes: Ints) -> Array:
        """Return how many neighbors each of the rows holds."""
        return self.indptr[codes + 1] - self.indptr[codes]

    def lookup(self, codes: Ints) -> tuple[Ints, Floats, Array]:
        """Return the neighbors of the rows, what each gains, and the place in `codes` that it belongs to."""
        starts, lengths = self.indptr[codes], self.lengths(codes)
        ends = np.cumsum(lengths)
        places = np.repeat(np.arange(len(codes)), lengths)
        entries = np.arange(ends[-1] if len(ends) else 0) + (starts - (ends - lengths))[places]
        return self.indices[entries], self.values[entries], places


@dataclass(frozen=True, slots=True)
class Neighbors:
    """The neighbors of each item. `own[i]` is how much item i itself gains.

    `later` is what the table gained with products that came since: neighbors behind those of the same row, and rows of
    their own, which are empty in the others. So nothing of a large table is written anew for one product.
    """

    rows: Rows
    own: Floats
    later: Rows | None = None

    @classmethod
    def of(cls, arrays: Arrays) -> Self:
        """Return what `arrays` told."""
        rows, later = ([arrays.get(f"{part}{name}") for name in ROW_ARRAYS] for part in ("", LATER_PREFIX))
        return cls(Rows(*rows), arrays["own"], None if later[0] is None else Rows(*later))  # type: ignore[arg-type]

    def arrays(self) -> Arrays:
        """Return the arrays by name, as they are stored."""
        parts = {"": self.rows} if self.later is None else {"": self.rows, LATER_PREFIX: self.later}
        found = {f"{part}{name}": getattr(rows, name) for part, rows in parts.items() for name in ROW_ARRAYS}
        return {**found, "own": self.own}

    @property
    def _parts(self) -> tuple[Rows, ...]:
        return (self.rows,) if self.later is None else (self.rows, self.later)

    def lookup(self, codes: Ints) -> tuple[Ints, Floats, Array]:
        """Return the items' neighbors, what each gains, and the place in `codes` that it belongs to.

        They come row after row, and behind all of them likewise those of `later`.
        """
        if self.later is None:
            return self.rows.lookup(codes)
        both = zip(self.rows.lookup(codes), self.later.lookup(codes), strict=True)
        indices, values, places = map(np.concatenate, both)
        return indices, values, places

    def matrix(self) -> Matrix:
        """Return csr float32[n_items, n_items]: what each item gains from each."""
        return self.rows.matrix() if self.later is None else self.rows.matrix() + self.later.matrix()

    def lengths(self, codes: Ints) -> Array:
        """Return how many neighbors each of the items has."""
        lengths = self.rows.lengths(codes)
        return lengths if self.later is None else lengths + self.later.lengths(codes)

    def is_neighbor(self) -> Bools:
        """Return bool[n_items]: which items are a neighbor of any."""
        found = np.zeros(len(self.own), np.bool_)
        for own in self._parts:
            found[own.indices] = True
        return found

    def extended(self, beside: Matrix, below: "Neighbors") -> "Neighbors":
        """Return the table of more items: `beside` are new neighbors of those it has, `below` the rows of new items.

        The columns of `beside`, csr float32[n_items, n_new], are new items.
        """
        old, new = beside.shape
        shape = old + new, old + new
        above = sparse.csr_matrix((beside.data, beside.indices + old, beside.indptr), shape=(old, old + new))
        if self.later is not None:
            rows = self.later
            above += sparse.csr_matrix((rows.values, rows.indices, rows.indptr), shape=(old, old + new))
        if above.nnz > MAX_ENTRIES:  # many came one by one
            above = top_k_per_row(above, max(1, MAX_ENTRIES // old))
        parts = ((above.data, below.rows.values), (above.indices, below.rows.indices))
        ends = np.concatenate([above.indptr, above.indptr[-1] + below.rows.indptr[1:]])
        later = sparse.csr_matrix((*map(np.concatenate, parts), ends), shape=shape)
        ended = np.concatenate([self.rows.indptr, np.full(new, self.rows.indptr[-1])])
        return Neighbors(replace(self.rows, indptr=ended), np.concatenate([self.own, below.own]), Rows.of(later))

    def gains(self, query: Query, own_weight: float) -> Weights:
        """Return float64[n_items]: what each item gains from the query's items."""
        codes, weights = query
        if not len(codes):
            return np.zeros(len(self.own))
        indices, values, places = self.lookup(codes)
        summed = np.bincount(indices, values * weights[places], len(self.own))
        gains: Weights = summed.astype(np.float64, copy=False)  # bincount of nothing gives integers
        if own_weight:
            gains[codes] += own_weight * weights * self.own[codes]
        return gains

    def gains_many(self, queries: Sequence[Query], own_weight: float) -> Iterator[Weights]:
        """Yield what `gains` returns for each query, summed in the same order: one array, written anew each time."""
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
        """Return csr float64[., n_items]: the rows of some items, of all where it is None; below, those of `later`."""
        if codes is not None:
            (indices, values, _), lengths = self.lookup(codes), [own.lengths(codes) for own in self._parts]
        elif self.later is None:
            return self.rows.matrix().astype(np.float64)
        else:
            indices, values = (np.concatenate([getattr(own, name) for own in self._parts]) for name in ROW_ARRAYS[1:])
            lengths = [np.diff(own.indptr) for own in self._parts]
        ends = np.cumsum(np.concatenate([[0], *lengths]))
        return sparse.csr_matrix((values.astype(np.float64), indices, ends), (len(ends) - 1, len(self.own)))

    def explain(self, query: Query, item: int, most: int = 3) -> tuple[int, ...]:
        """Return the query's items that speak most for the item, best first."""
        codes, weights = query
        indices, values, places = self.lookup(codes)
        hits = np.flatnonzero(indices == item)
        gains, places = values[hits] * weights[places[hits]], places[hits]
        best = np.lexsort((places, -gains))[:most]
        return tuple(int(codes[places[i]]) for i in best if gains[i] > 0)


def query_matrix(queries: Sequence[Query], n_items: int) -> Matrix:
    """Return csr float64[n, n_items] of the queries."""
    lengths = [len(codes) for codes, _ in queries]
    indices = np.concatenate([codes for codes, _ in queries]) if queries else np.empty(0, np.int32)
    data = np.concatenate([weights for _, weights in queries]) if queries else np.empty(0)
    return sparse.csr_matrix((data, indices, np.cumsum([0, *lengths])), shape=(len(queries), n_items))


def repeat_columns(rows: Matrix) -> Matrix:
    """Return csr [n, 2 * n_items]: each row, and behind it the same once more."""
    n, width = rows.shape
    places = np.repeat(np.arange(n), np.diff(rows.indptr))
    order = np.argsort(np.concatenate([places, places]), kind="stable")
    indices, data = np.concatenate([rows.indices, rows.indices + width]), np.concatenate([rows.data, rows.data])
    return sparse.csr_matrix((data[order], indices[order], 2 * rows.indptr), shape=(n, 2 * width))


def build_table(
    chunks: Iterator[Matrix] | Sequence[Matrix], *, most: int, own: Floats | None = None, start: int = 0
) -> Neighbors:
    """Return the `most` best neighbors of each item from csr chunks of consecutive rows; diagonals become `own`.

    The first row is that of the item `start`.

    `own` replaces the diagonal; where neither says anything, an item gains as much as its best neighbor. All items
    together have at most `MAX_ENTRIES`.
    """
    parts, diagonals = [], []
    for chunk in chunks:
        diagonals.append(chunk.diagonal(start).astype(np.float32))
        parts.append(top_k_per_row(without_diagonal(chunk, start), most))
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
    """Return the length, at least 1, to which rows of more than `MAX_ENTRIES` together are cut."""
    ordered = np.sort(lengths)
    rest = len(ordered) - np.arange(len(ordered))  # rows at least as long
    room = (MAX_ENTRIES - np.cumsum(ordered) + ordered) // rest
    return max(1, int(room[np.argmax(room < ordered)]))


def without_diagonal(chunk: Matrix, start: int) -> Matrix:
    """Return the chunk, whose first row is row `start` of the square, with its diagonal removed."""
    rows = np.repeat(np.arange(chunk.shape[0]), np.diff(chunk.indptr))
    chunk.data[chunk.indices == rows + start] = 0
    chunk.eliminate_zeros()
    return chunk


def product_chunks(
    left: Matrix, right: Matrix, finish: Callable[[Matrix], Matrix] = lambda chunk: chunk
) -> Iterator[Matrix]:
    """Yield `left @ right` in chunks of rows, each passed through `finish`."""
    size = block_rows(right.shape[1])
    for start in range(0, left.shape[0], size):
        yield finish((left[start : start + size] @ right).tocsr())


def block_rows(n_columns: int) -> int:
    """Return how many rows of so many columns are held at once: 32 million cells, at most `CHUNK_ROWS`."""
    return max(1, min(CHUNK_ROWS, (1 << 25) // max(1, n_columns)))


def top_k_of_dense(chunk: Floats, most: int) -> Matrix:
    """Return csr of the `most` largest entries of each row by absolute value."""
    if chunk.shape[1] <= most:
        return sparse.csr_matrix(chunk)
    kept = np.sort(np.argpartition(np.abs(chunk), chunk.shape[1] - most, axis=1)[:, -most:], axis=1)
    values = np.take_along_axis(chunk, kept, axis=1)
    indptr = np.arange(0, values.size + 1, most)
    return sparse.csr_matrix((values.ravel(), kept.ravel(), indptr), shape=chunk.shape)

"""Item-to-item tables: the best neighbors of each item, flat arrays that processes share by memory map. Pure."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from personalization.recommenders.base import Floats, Ints
from personalization.recommenders.decay import Query, Weights
from personalization.recommenders.matrix import Matrix, capped
from personalization.recommenders.storage import Array, Arrays

ROWS = 2048
"""How many items' neighbors are computed at once."""
ENTRIES = 1 << 24
"""Neighbors of all items together, at most: 128 MB. Where there would be more, the longest rows are cut, to one length.

Of 400,000 items a table of 200 each would be 640 MB, and there are half a dozen."""
SPARSE = 10
"""Where so many times the neighbors that are asked for are less than all, only rows that are asked for are widened: to
widen all would be most of the time where a few shoppers meet a large catalogue."""


@dataclass(frozen=True, slots=True)
class Neighbors:
    """Row i, `indices[indptr[i]:indptr[i + 1]]`, are the neighbors of item i and `values` how much they gain from it.

    `own[i]` is how much the item itself gains.
    """

    indptr: Array
    indices: Ints
    values: Floats
    own: Floats

    def arrays(self) -> Arrays:
        """Return the arrays by name, as they are stored."""
        return {"indptr": self.indptr, "indices": self.indices, "values": self.values, "own": self.own}

    def entries(self, codes: Ints) -> tuple[Array, Array]:
        """Return positions of all entries of the rows, and the place in `codes` that each belongs to."""
        starts = self.indptr[codes]
        lengths = self.indptr[codes + 1] - starts
        ends = np.cumsum(lengths)
        places = np.repeat(np.arange(len(codes)), lengths)
        return np.arange(ends[-1] if len(ends) else 0) + (starts - (ends - lengths))[places], places

    def extended(self, beside: Matrix, below: "Neighbors") -> "Neighbors":
        """Return the table of more items: `beside` are new neighbors of those it has, `below` the rows of new items.

        The columns of `beside`, csr float32[n_items, n_new], are new items.
        """
        old, new = beside.shape
        gained = sparse.csr_matrix((beside.data, beside.indices + old, beside.indptr), shape=(old, old + new))
        above = sparse.csr_matrix((self.values, self.indices, self.indptr), shape=(old, old + new)) + gained
        if above.nnz > 2 * ENTRIES:  # many came one by one
            above = capped(above, max(1, ENTRIES // old))
        return Neighbors(
            np.concatenate([above.indptr, above.indptr[-1] + below.indptr[1:]]).astype(np.int64),
            np.concatenate([above.indices, below.indices]).astype(np.int32, copy=False),
            np.concatenate([above.data, below.values]),
            np.concatenate([self.own, below.own]),
        )

    def spread(self, query: Query, own_weight: float) -> Weights:
        """Return float64[n_items]: what each item gains from the query's items."""
        codes, weights = query
        if not len(codes):
            return np.zeros(len(self.own))
        entries, places = self.entries(codes)
        summed = np.bincount(self.indices[entries], self.values[entries] * weights[places], len(self.own))
        gains: Weights = summed.astype(np.float64, copy=False)  # bincount of nothing gives integers
        if own_weight:
            gains[codes] += own_weight * weights * self.own[codes]
        return gains

    def spread_many(self, queries: Sequence[Query], own_weight: float) -> Iterator[Weights]:
        """Yield what `spread` returns for each query, summed in the same order: one array, written anew each time."""
        rows, used = stacked(queries, len(self.own)), None
        if SPARSE * (self.indptr[rows.indices + 1] - self.indptr[rows.indices]).sum() < len(self.values):
            used, columns = np.unique(rows.indices, return_inverse=True)
            rows = sparse.csr_matrix((rows.data, columns, rows.indptr), (len(queries), len(used)))
        summed = rows @ self._wide(used)
        gains = np.empty(len(self.own))
        for row, (codes, weights) in enumerate(queries):
            entries = slice(summed.indptr[row], summed.indptr[row + 1])
            gains.fill(0)
            gains[summed.indices[entries]] = summed.data[entries]
            if own_weight:
                gains[codes] += own_weight * weights * self.own[codes]
            yield gains

    def _wide(self, codes: Ints | None) -> Matrix:
        """Return csr float64[len(codes), n_items] of the rows of some items; of all, in order, where it is None."""
        indptr, indices, values = self.indptr, self.indices, self.values
        if codes is not None:
            entries, _ = self.entries(codes)
            indptr = np.concatenate([[0], np.cumsum(self.indptr[codes + 1] - self.indptr[codes])])
            indices, values = indices[entries], values[entries]
        return sparse.csr_matrix((values.astype(np.float64), indices, indptr), (len(indptr) - 1, len(self.own)))

    def because(self, query: Query, item: int, most: int = 3) -> tuple[int, ...]:
        """Return the query's items that speak most for the item, best first."""
        codes, weights = query
        entries, places = self.entries(codes)
        hits = np.flatnonzero(self.indices[entries] == item)
        gains = self.values[entries[hits]] * weights[places[hits]]
        best = np.argsort(-gains, kind="stable")[:most]
        return tuple(int(codes[places[hits[i]]]) for i in best if gains[i] > 0)


def stacked(queries: Sequence[Query], n_items: int) -> Matrix:
    """Return csr float64[n, n_items] of the queries."""
    lengths = [len(codes) for codes, _ in queries]
    indices = np.concatenate([codes for codes, _ in queries]) if queries else np.empty(0, np.int32)
    data = np.concatenate([weights for _, weights in queries]) if queries else np.empty(0)
    return sparse.csr_matrix((data, indices, np.cumsum([0, *lengths])), shape=(len(queries), n_items))


def table(
    chunks: Iterator[Matrix] | Sequence[Matrix], *, most: int, own: Floats | None = None, start: int = 0
) -> Neighbors:
    """Return the `most` best neighbors of each item from csr chunks of consecutive rows; diagonals become `own`.

    The first row is that of the item `start`.

    `own` replaces the diagonal; where neither says anything, an item gains as much as its best neighbor. All items
    together have at most `ENTRIES`.
    """
    parts, diagonals = [], []
    for chunk in chunks:
        diagonals.append(chunk.diagonal(start).astype(np.float32))
        parts.append(capped(without_diagonal(chunk, start), most))
        start += chunk.shape[0]
    whole = sparse.vstack(parts, format="csr") if parts else sparse.csr_matrix((0, 0))
    if whole.nnz > ENTRIES:
        whole = capped(whole, _longest(np.diff(whole.indptr)))
    diagonal = np.concatenate(diagonals) if diagonals else np.empty(0, np.float32)
    best = whole.max(axis=1).toarray().ravel() if whole.nnz else np.zeros(whole.shape[0])
    own = np.where(diagonal > 0, diagonal, best) if own is None else own
    indices, values = whole.indices.astype(np.int32), whole.data.astype(np.float32)
    return Neighbors(whole.indptr.astype(np.int64), indices, values, own.astype(np.float32))


def _longest(lengths: Array) -> int:
    """Return the length, at least 1, to which rows of more than `ENTRIES` together are cut."""
    ordered = np.sort(lengths)
    rest = len(ordered) - np.arange(len(ordered))  # rows at least as long
    room = (ENTRIES - np.cumsum(ordered) + ordered) // rest
    return max(1, int(room[np.argmax(room < ordered)]))


def without_diagonal(chunk: Matrix, start: int) -> Matrix:
    """Return the chunk, whose first row is row `start` of the square, with its diagonal removed."""
    rows = np.repeat(np.arange(chunk.shape[0]), np.diff(chunk.indptr))
    chunk.data[chunk.indices == rows + start] = 0
    chunk.eliminate_zeros()
    return chunk


def products(left: Matrix, right: Matrix, finish: Callable[[Matrix], Matrix] = lambda chunk: chunk) -> Iterator[Matrix]:
    """Yield `left @ right` in chunks of rows, each passed through `finish`."""
    size = block_rows(right.shape[1])
    for start in range(0, left.shape[0], size):
        yield finish((left[start : start + size] @ right).tocsr())


def block_rows(n_columns: int) -> int:
    """Return how many rows of so many columns are held at once: 32 million cells, at most `ROWS`."""
    return max(1, min(ROWS, (1 << 25) // max(1, n_columns)))


def dense_chunk(chunk: Floats, most: int) -> Matrix:
    """Return csr of the `most` largest entries of each row by absolute value."""
    if chunk.shape[1] <= most:
        return sparse.csr_matrix(chunk)
    kept = np.sort(np.argpartition(np.abs(chunk), chunk.shape[1] - most, axis=1)[:, -most:], axis=1)
    values = np.take_along_axis(chunk, kept, axis=1)
    indptr = np.arange(0, values.size + 1, most)
    return sparse.csr_matrix((values.ravel(), kept.ravel(), indptr), shape=chunk.shape)

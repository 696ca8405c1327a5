"""Ridge regression of each item on its most similar items, for EASE if a dense inverse is too large."""

from collections.abc import Iterator

import numpy as np
from scipy import linalg, sparse

from recsys.arrays import Floats
from recsys.sources.matrix import Matrix, inverse_power, scaled_columns
from recsys.sources.neighbors import build_table, product_chunks
from recsys.sources.storage import Array

BATCH_SIZE = 512
"""Items per batch of results."""


def ridge_columns(matrix: Matrix, *, ridge: float, features: int) -> Matrix:
    """Return csr float32[n_items, n_items]: column j has the weights of the `features` items that predict item j."""
    n_items = matrix.shape[1]
    norms = np.asarray(matrix.multiply(matrix).sum(axis=0)).ravel()
    unit = scaled_columns(matrix, inverse_power(norms, 0.5))
    similar = build_table(product_chunks(unit.T.tocsr(), unit), max_neighbors=features).rows
    columns = matrix.tocsc()
    targets = np.flatnonzero(np.diff(similar.indptr))
    rows, cols, values = [], [], []
    for start in range(0, len(targets), BATCH_SIZE):
        batch = targets[start : start + BATCH_SIZE]
        chosen = [similar.indices[similar.indptr[j] : similar.indptr[j + 1]] for j in batch]
        for item, codes, weights in zip(batch, chosen, _solve(columns, batch, chosen, ridge), strict=True):
            rows.append(codes)
            cols.append(np.full(len(codes), item))
            values.append(weights)
    parts = [np.concatenate(part) if part else np.empty(0) for part in (values, rows, cols)]
    return sparse.csr_matrix((parts[0].astype(np.float32), (parts[1], parts[2])), shape=(n_items, n_items))


def _solve(columns: Matrix, batch: Array, chosen: list[Array], ridge: float) -> Iterator[Floats]:
    place = np.empty(columns.shape[0], np.int32)
    for item, codes in zip(batch, chosen, strict=True):
        n = len(codes)
        part = columns[:, np.append(codes, item)]  # the item last: one product gives both sides
        # Renumbers the shoppers, so that the product takes no time for shoppers without these items.
        place[part.indices] = np.arange(part.nnz)
        part = sparse.csc_matrix((part.data, place[part.indices], part.indptr), shape=(part.nnz, n + 1))
        gram = (part.T @ part).toarray()
        gram[np.diag_indices_from(gram)] += ridge
        _, weights, unfit = linalg.lapack.sposv(gram[:n, :n], gram[:n, n], lower=1)
        if unfit:  # nearly singular in single precision
            weights = np.linalg.lstsq(gram[:n, :n], gram[:n, n], rcond=None)[0]
        yield weights

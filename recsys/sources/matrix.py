"""Sparse matrices of shoppers x items, and operations on them. Pure."""

from dataclasses import replace
from typing import Any

import numpy as np
from scipy import sparse

from recsys.arrays import Doubles, Floats, Ints
from recsys.compiled import compiled
from recsys.data.interactions import DAY, Interactions

Matrix = Any
"""scipy.sparse.csr_matrix, usually of float32; scipy has no type annotations."""


def user_item(
    interactions: Interactions, n_items: int, *, half_life_days: float = 0.0, most_items: int = 1000
) -> Matrix:
    """Return csr float32[n_users, n_items]: summed weights, halved every `half_life_days` before the clock.

    A half-life of 0 is no decay. Each shopper keeps the `most_items` with the largest weights, which bounds cost.
    """
    weights = interactions.weights.astype(np.float64)
    if half_life_days > 0 and len(interactions):
        weights *= np.exp2((interactions.times - interactions.now) / (half_life_days * DAY))
    shape = (interactions.n_users, n_items)
    matrix = sparse.csr_matrix((weights, (interactions.users, interactions.items)), shape=shape)
    return top_k_per_row(matrix, most_items).astype(np.float32)


def top_k_per_row(matrix: Matrix, k: int) -> Matrix:
    """Return the matrix with the k largest entries of each row by absolute value; sorted, without zeros, in place.

    Ties go to the lower column.
    """
    _zero_all_but(matrix.indptr, matrix.indices, matrix.data, max(k, 0))
    matrix.eliminate_zeros()
    matrix.sort_indices()
    return matrix


@compiled
def _zero_all_but(indptr: Ints, columns: Ints, values: Floats, k: int) -> None:
    for row in range(len(indptr) - 1):
        start, end = indptr[row], indptr[row + 1]
        if end - start <= k:
            continue
        if k == 0:
            values[start:end] = 0
            continue
        sizes = np.abs(values[start:end])
        cutoff = np.partition(sizes, end - start - k)[end - start - k]
        places = k - np.sum(sizes > cutoff)
        ties = np.sort(columns[start:end][sizes == cutoff])
        last = ties[places - 1]
        for entry in range(start, end):
            size = abs(values[entry])
            if size < cutoff or (size == cutoff and columns[entry] > last):
                values[entry] = 0


def most_frequent_columns(matrix: Matrix, k: int) -> Ints:
    """Return the k columns with the most entries, ascending; all if there are fewer; ties go to the lower column."""
    count = np.bincount(matrix.indices, minlength=matrix.shape[1])
    return np.sort(np.argsort(-count, kind="stable")[:k]).astype(np.int32)


def scaled_rows(matrix: Matrix, factors: Floats) -> Matrix:
    """Return diag(factors) · matrix as float32."""
    scaled = matrix.copy()
    scaled.data = (scaled.data * np.repeat(factors, np.diff(matrix.indptr))).astype(np.float32)
    return scaled


def scaled_columns(matrix: Matrix, factors: Floats) -> Matrix:
    """Return matrix · diag(factors) as float32."""
    scaled = matrix.copy()
    scaled.data = (scaled.data * factors[matrix.indices]).astype(np.float32)
    return scaled


def inverse_power(totals: Floats | Doubles, power: float) -> Floats:
    """Return float32 totals ** -power; 0 for a total of 0."""
    safe = np.maximum(totals, np.finfo(np.float32).tiny).astype(np.float64)
    return np.where(totals > 0, safe**-power, 0.0).astype(np.float32)


def decayed_histories(interactions: Interactions, n_items: int, *, half_life_days: float) -> Matrix:
    """Return csr float32[n_users, n_items]: weights, halved every `half_life_days` before a user's last row."""
    last = np.full(interactions.n_users, -np.inf)
    np.maximum.at(last, interactions.users, interactions.times)
    age = last[interactions.users] - interactions.times
    weights = interactions.weights * np.exp2(-age / (half_life_days * DAY))
    aged = replace(interactions, weights=weights.astype(np.float32))
    return user_item(aged, n_items)

"""The sums over rows of a neighbor table, in compiled code."""

import numpy as np

from recsys.arrays import Floats, Ints
from recsys.compiled import compiled, frozen
from recsys.sources.decay import Weights
from recsys.sources.storage import Array

CompiledRows = tuple[Array, Ints, Floats]
"""The arrays of `Rows`, for compiled code; all empty for no rows."""
NOTHING_MORE: Weights = np.empty(0)
NO_ROWS: CompiledRows = (
    frozen(np.empty(0, np.int64)), frozen(np.empty(0, np.int32)), frozen(np.empty(0, np.float32))
)  # fmt: skip


@compiled
def sparse_gains(
    codes: Ints,
    weights: Weights,
    rows: CompiledRows,
    later: CompiledRows,
    own: Floats,
    own_weight: float,
    more: Weights,
) -> tuple[Ints, Weights]:
    n = len(own)
    sums, is_reached = np.zeros(n), np.zeros(n, np.bool_)
    reached, count = np.empty(n, np.int32), np.uint64(0)
    for part in (rows, later):
        indptr, indices, values = part
        if len(indptr) == 0:
            continue
        for at in range(len(codes)):
            weight = weights[at]
            for entry in range(np.uint64(indptr[codes[at]]), np.uint64(indptr[codes[at] + 1])):
                item = np.uint64(indices[entry])  # unsigned: no look for a negative index
                sums[item] += values[entry] * weight
                if not is_reached[item]:
                    is_reached[item] = True
                    reached[count] = item
                    count += np.uint64(1)
    if own_weight != 0 or len(more) > 0:
        for at in range(len(codes)):
            item = np.uint64(codes[at])
            sums[item] += own_weight * weights[at] * own[item]
            if len(more) > 0:
                sums[item] += more[at]
            if not is_reached[item]:
                is_reached[item] = True
                reached[count] = item
                count += np.uint64(1)
    result = np.empty(count)
    for at in range(count):
        result[at] = sums[reached[at]]
    return reached[:count].copy(), result


@compiled
def gains_of_one(codes: Ints, weights: Weights, rows: CompiledRows, later: CompiledRows, item: int) -> Weights:
    gains = np.zeros(len(codes))
    for part in (rows, later):
        indptr, indices, values = part
        if len(indptr) == 0:
            continue
        for at in range(len(codes)):
            for entry in range(indptr[codes[at]], indptr[codes[at] + 1]):
                if indices[entry] == item:
                    gains[at] += values[entry] * weights[at]
    return gains


@compiled
def enter_shares(
    source: int, rows: CompiledRows, later: CompiledRows, places: Ints, matrix: Floats, column: int
) -> None:
    best = np.float32(0)
    indptr, indices, values = rows
    for entry in range(indptr[source], indptr[source + 1]):
        best = max(best, values[entry])
    if len(later[0]) > 0:
        for added in range(later[0][source], later[0][source + 1]):
            total = later[2][added]
            for entry in range(indptr[source], indptr[source + 1]):
                if indices[entry] == later[1][added]:
                    total += values[entry]
            best = max(best, total)
    if best <= 0:
        return
    for part in (rows, later):
        indptr, indices, values = part
        if len(indptr) == 0:
            continue
        for entry in range(indptr[source], indptr[source + 1]):
            place = places[indices[entry]]
            if place >= 0:
                matrix[place, column] += values[entry]
    for row in range(len(matrix)):
        matrix[row, column] /= best

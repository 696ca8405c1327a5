"""Many arms or many metrics at once: p-values adjusted so that luck does not pick the winner."""

from collections.abc import Callable, Sequence
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from experiments.stats.moments import Floats


class Correction(StrEnum):
    """How p-values are adjusted: Holm limits the chance of any false finding, Benjamini–Hochberg their share."""

    HOLM = "holm"
    BENJAMINI_HOCHBERG = "benjamini-hochberg"
    NONE = "none"


def adjusted_p_values(p_values: Sequence[float], correction: Correction = Correction.HOLM) -> tuple[float, ...]:
    """Return the adjusted p-values in the order given; compare them with alpha. Raises ValueError outside [0, 1]."""
    if any(not 0 <= p <= 1 for p in p_values):
        raise ValueError("p-values must lie in [0, 1]")
    return _METHODS[correction](p_values) if p_values else ()


def _holm(p_values: Sequence[float]) -> tuple[float, ...]:
    """Holm (1979): the smallest times m, the next times m − 1, …, never falling."""
    order = np.argsort(p_values, kind="stable")
    factors = np.arange(len(p_values), 0, -1)
    steps = np.maximum.accumulate(np.asarray(p_values)[order] * factors)
    return _in_order(np.minimum(steps, 1.0), order)


def _benjamini_hochberg(p_values: Sequence[float]) -> tuple[float, ...]:
    """Benjamini and Hochberg (1995): p times m / rank, never rising towards the smaller ones."""
    order = np.argsort(p_values, kind="stable")
    factors = len(p_values) / np.arange(1, len(p_values) + 1)
    steps = np.minimum.accumulate((np.asarray(p_values)[order] * factors)[::-1])[::-1]
    return _in_order(np.minimum(steps, 1.0), order)


def _in_order(values: Floats, order: NDArray[np.intp]) -> tuple[float, ...]:
    placed = np.empty(len(values))
    placed[order] = values
    return tuple(placed.tolist())


_METHODS: dict[Correction, Callable[[Sequence[float]], tuple[float, ...]]] = {
    Correction.HOLM: _holm,
    Correction.BENJAMINI_HOCHBERG: _benjamini_hochberg,
    Correction.NONE: tuple,
}

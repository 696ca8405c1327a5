"""Prices in proportion: how well a price suits another one. Pure."""

from typing import Any

import numpy as np

from recsys.arrays import Doubles, Floats

FREE_OCTAVES = 1.0
"""Up to twice or half the price nothing is lost."""
SPREAD_OCTAVES = 0.35
"""The standard deviation beyond: with a free octave, three times the price counts .25 and four times .02."""
MAX_EXCESS = 8.0


def proportion(
    prices: Any, references: Any, *, free_octaves: float = FREE_OCTAVES, free_above: float | None = None
) -> Floats:
    """Return float32[n] in (0, 1]: a smooth factor of the ratio of prices; 1 where either is unknown or not above 0.

    Up to `free_octaves`, in powers of two, nothing is lost; for what costs more, up to `free_above` where given.
    """
    above = free_octaves if free_above is None else min(free_above, free_octaves)
    free = np.where(np.asarray(prices) > np.asarray(references), above, free_octaves)
    excess = np.maximum(octaves(prices, references) - free, 0.0) / SPREAD_OCTAVES
    return np.exp(-0.5 * np.minimum(excess, MAX_EXCESS) ** 2).astype(np.float32)


def octaves(prices: Any, references: Any) -> Doubles:
    """Return float64[n]: the distance of two prices in powers of two; 0 where either is unknown or not above 0."""
    prices, references = np.asarray(prices, np.float64), np.asarray(references, np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        distance = np.abs(np.log2(prices / references))
    return np.asarray(np.where(np.isfinite(distance), distance, 0.0))

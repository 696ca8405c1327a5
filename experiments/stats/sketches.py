"""Quantiles without keeping the values: DDSketch (Masson, Rim and Lee, VLDB 2019).

A value falls into the bucket ⌈log_γ |x|⌉ with γ = (1 + a) / (1 − a), so every quantile is within the relative accuracy
a of a true value. Sketches of days, segments and arms add up exactly, and a value can be taken out again, as when a
shopper's revenue grows: take out the old sum, put in the new one.
"""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from math import log, nan, sqrt
from operator import itemgetter

import numpy as np
from scipy import special

from experiments.stats.estimates import Estimate
from experiments.stats.moments import ArmMoments, Floats, mean_arm

ACCURACY = 0.01
GAMMA = (1 + ACCURACY) / (1 - ACCURACY)
# Smaller amounts count as 0.
SMALLEST = 1e-9


@dataclass(frozen=True, slots=True)
class Sketch:
    """Counts for each bucket of positive and of negative values, and of zeros; buckets in rising order."""

    positive: tuple[tuple[int, int], ...] = ()
    negative: tuple[tuple[int, int], ...] = ()
    zeros: int = 0

    @property
    def count(self) -> int:
        """Return how many values are in it."""
        return self.zeros + sum(count for _, count in (*self.positive, *self.negative))

    def as_json(self) -> dict[str, object]:
        """Return it as plain lists and numbers."""
        return {
            "zeros": self.zeros,
            "positive": [list(pair) for pair in self.positive],
            "negative": [list(pair) for pair in self.negative],
        }


def sketch_from_json(document: Mapping[str, object]) -> Sketch:
    """Return the sketch that `as_json` wrote. Raises ValueError where the document is none."""
    try:
        positive, negative = (
            tuple((bucket, count) for bucket, count in _pairs(document, side)) for side in ("positive", "negative")
        )
        return Sketch(positive, negative, int(str(document["zeros"])))
    except (KeyError, TypeError) as wrong:
        raise ValueError("this is no sketch") from wrong


def sketch_of(values: Sequence[float] | Floats) -> Sketch:
    """Return the sketch of these values. Raises ValueError where one is not finite."""
    array = np.asarray(values, dtype=np.float64)
    if not np.isfinite(array).all():
        raise ValueError("a sketch holds finite values only")
    is_zero = np.abs(array) < SMALLEST
    return Sketch(_buckets(array[(array > 0) & ~is_zero]), _buckets(-array[(array < 0) & ~is_zero]), int(is_zero.sum()))


def merge_sketches(sketches: Sequence[Sketch]) -> Sketch:
    """Return one sketch of all values."""
    return _combine([(sketch, 1) for sketch in sketches])


def subtract_sketch(total: Sketch, part: Sketch) -> Sketch:
    """Return the total without the values of `part`. Raises ValueError where they are not in it."""
    return _combine([(total, 1), (part, -1)])


def quantile(sketch: Sketch, share: float) -> float:
    """Return the value below which `share` of the values lie, within 1 %; NaN for an empty sketch."""
    (value,) = quantiles(sketch, [share])
    return value


def quantiles(sketch: Sketch, shares: Sequence[float]) -> tuple[float, ...]:
    """Return the quantile at each share, in one pass. Raises ValueError where a share lies outside [0, 1]."""
    if any(not 0 <= share <= 1 for share in shares):
        raise ValueError("a quantile's share must lie in [0, 1]")
    parts = [*reversed(sketch.negative), (0, sketch.zeros), *sketch.positive]
    ranks = list(accumulate(map(itemgetter(1), parts)))
    if ranks[-1] == 0:
        return (nan,) * len(shares)
    places = [bisect_right(ranks, share * (ranks[-1] - 1)) for share in shares]
    return tuple(_value(parts[place][0], place - len(sketch.negative)) for place in places)


def quantile_estimate(sketch: Sketch, share: float) -> Estimate:
    """Return the quantile with the standard error of Woodruff (1952): the width of its binomial interval over 2z."""
    n = sketch.count
    if n < 2:
        return Estimate(quantile(sketch, share), nan, nan, n)
    z = float(special.ndtri(0.975))
    radius = z * sqrt(share * (1 - share) / n)
    low, value, high = quantiles(sketch, [max(share - radius, 0.0), share, min(share + radius, 1.0)])
    return Estimate(value, (high - low) / (2 * z), n - 1, n)


def winsor_limit(sketches: Sequence[Sketch], share: float) -> float:
    """Return the limit above which values are cut off: a quantile over all arms joined, so arms are cut alike.

    It is that of the values other than 0: where few units buy, the one of all units is 0, and all revenue would be cut.
    """
    joined = merge_sketches(sketches)
    return quantile(replace(joined, zeros=0), share) if joined.zeros < joined.count else 0.0


def winsorized_arm(sketch: Sketch, limit: float) -> ArmMoments:
    """Return the arm of the values cut off at `limit`, from the sketch alone: each value within 1 %."""
    values, counts = _distribution(sketch)
    cut = np.minimum(values, limit)
    return mean_arm(sketch.count, float(counts @ cut), float(counts @ cut**2))


def _pairs(document: Mapping[str, object], side: str) -> Sequence[tuple[int, int]]:
    pairs = document[side]
    if not isinstance(pairs, list):
        raise TypeError(side)
    return pairs


def _buckets(magnitudes: Floats) -> tuple[tuple[int, int], ...]:
    indices, counts = np.unique(np.ceil(np.log(magnitudes) / log(GAMMA)).astype(np.int64), return_counts=True)
    return tuple(zip(indices.tolist(), counts.tolist(), strict=True))


def _combine(signed: Sequence[tuple[Sketch, int]]) -> Sketch:
    sides: list[dict[int, int]] = [{}, {}]
    for sketch, sign in signed:
        for side, pairs in zip(sides, (sketch.positive, sketch.negative), strict=True):
            for bucket, count in pairs:
                side[bucket] = side.get(bucket, 0) + sign * count
    zeros = sum(sign * sketch.zeros for sketch, sign in signed)
    if zeros < 0 or any(count < 0 for side in sides for count in side.values()):
        raise ValueError("the values to take out are not in the sketch")
    positive, negative = (tuple(sorted((b, c) for b, c in side.items() if c)) for side in sides)
    return Sketch(positive, negative, zeros)


def _distribution(sketch: Sketch) -> tuple[Floats, Floats]:
    """Return the buckets' middle values in rising order, and how many values each stands for."""
    pairs = [(_value(bucket, -1), count) for bucket, count in reversed(sketch.negative)]
    pairs += [(0.0, sketch.zeros), *((_value(bucket, 1), count) for bucket, count in sketch.positive)]
    table = np.array(pairs, dtype=np.float64)
    return table[:, 0], table[:, 1]


def _value(bucket: int, side: int) -> float:
    """Return the middle of a bucket; `side` below 0 is negative, 0 is zero."""
    return 0.0 if side == 0 else float((1 if side > 0 else -1) * 2 * GAMMA**bucket / (1 + GAMMA))

"""From a hash to an arm: GrowthBook hash version 2, bit for bit. Pure.

Source: GrowthBook SDK specification, "hash" and "chooseVariation". FNV-1a runs over UTF-16 code units,
as JavaScript's `charCodeAt` does, so a non-ASCII id gets the same arm here as in a browser.
"""

from collections.abc import Sequence
from functools import lru_cache
from itertools import accumulate
from typing import Final

STEPS: Final = 10_000
"""The number of buckets of the hash."""


def fnv1a32(text: str) -> int:
    """Return the 32-bit FNV-1a hash of the text's UTF-16 code units."""
    value = 0x811C9DC5
    if text.isascii():
        for unit in text.encode():
            value = ((value ^ unit) * 0x01000193) & 0xFFFFFFFF
        return value
    units = text.encode("utf-16-le", "surrogatepass")
    for i in range(0, len(units), 2):
        value = ((value ^ (units[i] | units[i + 1] << 8)) * 0x01000193) & 0xFFFFFFFF
    return value


@lru_cache(maxsize=10_000)
def hash_v2(seed: str, value: str) -> float:
    """Return the bucket of a value in [0, 1), in steps of 1/STEPS.

    Experiments of one namespace ask for the same one, and so does each request of a visit.
    """
    return fnv1a32(str(fnv1a32(seed + value))) % STEPS / STEPS


def bucket_ranges(weights: Sequence[float], coverage: float = 1.0) -> list[tuple[float, float]]:
    """Return the half-open range of each arm: arms start at the cumulated weights, coverage narrows each.

    Raises ValueError where weights are empty, negative or do not sum to 1, or coverage lies outside [0, 1].
    """
    if not weights or min(weights) < 0 or abs(sum(weights) - 1) > 1e-6:
        raise ValueError("weights must be non-negative and sum to 1")
    if not 0 <= coverage <= 1:
        raise ValueError("coverage must lie in [0, 1]")
    starts = [0.0, *accumulate(weights[:-1])]  # one after the other, as SDKs do: `sum` of later Pythons compensates
    return [(start, start + coverage * weight) for start, weight in zip(starts, weights, strict=True)]


@lru_cache(maxsize=512)
def bucket_shares(weights: tuple[float, ...], coverage: float = 1.0) -> tuple[float, ...]:
    """Return the share of each arm among the buckets that take part: what the hash can give it.

    It differs from the weight by up to a bucket: a third of 1 % of 10,000 buckets is 33 or 34. Weights are returned
    where no bucket takes part.
    """
    counts = [0] * len(weights)
    ranges = bucket_ranges(weights, coverage)
    for bucket in range(STEPS):
        if (arm := choose_arm(bucket / STEPS, ranges)) is not None:
            counts[arm] += 1
    total = sum(counts)
    return tuple(count / total for count in counts) if total else weights


def choose_arm(bucket: float, ranges: Sequence[tuple[float, float]]) -> int | None:
    """Return the index of the arm whose range [low, high) holds the bucket, or None outside all."""
    return next((i for i, (low, high) in enumerate(ranges) if low <= bucket < high), None)


def in_share(seed: str, value: str, share: float) -> bool:
    """Return whether the value belongs to the first `share` of all buckets: hold-outs of all kinds draw so."""
    return choose_arm(hash_v2(seed, value), bucket_ranges([share, 1 - share])[:1]) is not None

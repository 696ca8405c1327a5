"""Intervals of shares. Pure."""

from math import sqrt
from typing import Final

Z95: Final = 1.96


def wilson(successes: int, n: int) -> tuple[float, float]:
    """Return the ends of the 95 % interval of a share, 0 to 1 (Wilson 1927). Raises ZeroDivisionError for n = 0."""
    rate, z = min(1.0, successes / n), Z95
    middle, spread = rate + z * z / (2 * n), z * sqrt((rate * (1 - rate) + z * z / (4 * n)) / n)
    low, high = ((middle + sign * spread) / (1 + z * z / n) for sign in (-1, 1))
    return min(low, rate), max(high, rate)

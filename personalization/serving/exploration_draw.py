"""The draw of exploration: which of the suitable new products gets the place. Pure.

Each product has a known chance, so its outcomes can be weighted (SNIPS). The draw depends only on the request: the same
request in the same state gets the same answer, so it may be cached.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from zlib import crc32

import numpy as np

from recsys.arrays import Floats, Ints
from recsys.data.profile import Profile
from recsys.sources.storage import Array

CHOICE = 8
"""The draw is among this many most suitable products."""


@dataclass(frozen=True, slots=True)
class Draw:
    """Item codes in drawn order, and the weight of each in the draw."""

    codes: tuple[int, ...]
    weights: tuple[float, ...]

    def chance(self, place: int, had_budget: Sequence[bool], *, share: float) -> float:
        """Return the propensity of the code at an index: the share of answers that explore × its chance in the draw.

        The draw is by weight and without replacement. The first code with budget left therefore has its weight as
        chance among all codes that had budget left.
        """
        total = sum(weight for weight, free in zip(self.weights, had_budget, strict=True) if free)
        return share * self.weights[place] / total


def request_rng(placement: str, profile: Profile, context: Sequence[int]) -> np.random.Generator:
    """Return the random generator of one request, seeded by placement, shopper history, context and hour."""
    state = crc32(profile.items.tobytes(), int(profile.now) & 0xFFFFFFFF)
    return np.random.default_rng((crc32(placement.encode()), state, crc32(np.asarray(context, np.int64).tobytes())))


def most_suitable(codes: Ints, likeness: Floats, kin: Array, first_seen: Array) -> Ints:
    """Return the `CHOICE` most suitable codes, best first: by likeness, then same category, then newest.

    All columns are parallel to `codes`: likeness (0 is none), whether the category is one of the shopper's latest
    items (`kin`), and when the product was first seen.
    """
    order = np.lexsort((codes, -first_seen, ~kin, -likeness))
    chosen: Ints = codes[order[:CHOICE]]
    return chosen


def draw(codes: Ints, rng: np.random.Generator) -> Draw:
    """Draw an order of the codes, which come best first; the n-th best has weight 1 / n."""
    weights = 1 / np.arange(1, len(codes) + 1)
    keys = rng.exponential(size=len(codes)) / weights  # sorted ascending, these keys draw by weight without replacement
    order = np.argsort(keys, kind="stable")
    return Draw(tuple(codes[order].tolist()), tuple(weights[order].tolist()))

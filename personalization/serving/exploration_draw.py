"""Exploration: new products get a place now and then, drawn among those that suit the shopper. Pure.

Drawn, not taken: with a known chance for each product, so that what came of it can be weighed fairly (SNIPS). The draw
depends on the question alone: asked again in the same state, the answer is the same, and may be cached.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from zlib import crc32

import numpy as np

from recsys.arrays import Floats, Ints
from recsys.data.profile import Profile
from recsys.sources.storage import Array

CHOICE = 8
"""Among how many products, the most suitable ones, is drawn."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """Item codes in the order in which they may have the place, and the weight each was drawn with."""

    codes: tuple[int, ...]
    weights: tuple[float, ...]

    def chance(self, place: int, open_to: Sequence[bool], *, share: float) -> float:
        """Return the propensity of the code at a place: the share of answers that explore × its chance among the open.

        The order is drawn without replacement by weight, so the first open one is drawn by weight among the open.
        """
        total = sum(weight for weight, free in zip(self.weights, open_to, strict=True) if free)
        return share * self.weights[place] / total


def seeded(placement: str, profile: Profile, context: Sequence[int]) -> np.random.Generator:
    """Return the chance of one question: of placement, what is known of the shopper, what is looked at, the hour."""
    state = crc32(profile.items.tobytes(), int(profile.now) & 0xFFFFFFFF)
    return np.random.default_rng((crc32(placement.encode()), state, crc32(np.asarray(context, np.int64).tobytes())))


def suited(codes: Ints, likeness: Floats, kin: Array, born: Array) -> Ints:
    """Return the `CHOICE` most suitable of the codes, best first: like what the shopper had, of their category, newest.

    The columns belong to the codes: likeness (0 is none), whether of a category the shopper was in lately, and when
    each product appeared.
    """
    order = np.lexsort((codes, -born, ~kin, -likeness))
    chosen: Ints = codes[order[:CHOICE]]
    return chosen


def drawn(codes: Ints, rng: np.random.Generator) -> Drawn:
    """Return the codes (best first) in drawn order; the n-th best weighs 1 / n."""
    weights = 1 / np.arange(1, len(codes) + 1)
    keys = rng.exponential(size=len(codes)) / weights  # the smallest first: draws by weight without replacement
    order = np.argsort(keys, kind="stable")
    return Drawn(tuple(codes[order].tolist()), tuple(weights[order].tolist()))

"""The exposure constraint: lowers items shown far more often than their equal share, by a strength in [0, 1]."""

from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from recsys.arrays import Floats, Ints
from recsys.metrics.beyond_accuracy import exposure_counts
from recsys.ranking.candidates import Candidates


@dataclass(frozen=True, slots=True)
class ExposureConstraint:
    """`excess` is float32[n_items] in [0, 1]: 0 up to the equal share of exposure, 1 for the most shown item.

    In between it grows with the logarithm, since exposure differs by orders of magnitude.
    """

    strength: float
    excess: Floats

    @classmethod
    def from_slates(cls, slates: Ints, *, n_items: int, strength: float) -> Self:
        """Return the constraint measured on the first ten items of slates, int32[n, k], padded with -1."""
        counts = exposure_counts(slates, n_items)
        log_excess = np.log(np.maximum(counts * n_items / max(counts.sum(), 1.0), 1.0))
        return cls(strength, (log_excess / max(float(log_excess.max(initial=0.0)), 1e-12)).astype(np.float32))

    def penalized_scores(self, candidates: Candidates, scores: Floats) -> Floats:
        """Return float32[n_pairs]: each shopper's scores scaled to [0, 1], minus strength times excess."""
        if self.strength == 0:
            return scores
        starts = np.flatnonzero(np.diff(candidates.rows, prepend=-1))
        sizes = np.diff(np.append(starts, len(scores)))
        low = np.repeat(np.minimum.reduceat(scores, starts), sizes)
        high = np.repeat(np.maximum.reduceat(scores, starts), sizes)
        scaled = (scores - low) / np.maximum(high - low, 1e-12)
        penalized: Floats = (scaled - self.strength * self.excess[candidates.items]).astype(np.float32)
        return penalized

    def extended(self, n_items: int) -> Self:
        """Return the constraint over more items; new ones have no excess."""
        return replace(self, excess=np.pad(self.excess, (0, n_items - len(self.excess))))

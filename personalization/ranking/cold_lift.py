"""The cold lift: what a product that nobody touched yet is given above the ranker's score, so that it gets its chance.

A ranker learns mostly from products with a history and, with none to go by, puts the others behind. How much lift pays
is measured by every training (`training/lifting.py`). Pure.
"""

import numpy as np

from personalization.ranking.candidates import Candidates
from personalization.ranking.groups import deviations
from personalization.recommenders.base import Bools, Floats


def lifted(candidates: Candidates, scores: Floats, untouched: Bools, lift: float) -> Floats:
    """Return float32[n_pairs]: scores, and `lift` standard deviations of the shopper's own scores where `untouched`."""
    if lift == 0 or not untouched.any():
        return scores
    rows = candidates.rows
    spread = deviations(scores, rows, candidates.n_rows)
    found: Floats = (scores + lift * spread[rows] * untouched).astype(np.float32)
    return found

"""The cold lift: what a product that nobody touched yet is given above the ranker's score, so that it gets its chance.

A ranker learns mostly from products with a history and, with none to go by, puts the others behind. How much lift pays
is measured by every training (`training/lifting.py`), and so is the score from which on one comes before all known
products, whatever it costs: few do. The shopper's first places are out of its reach: there a wrong
guess costs most, and a new product is seen on the later ones as well. Pure.
"""

import numpy as np

from personalization.ranking.candidates import Candidates
from personalization.ranking.groups import Doubles, deviations, places
from personalization.recommenders.base import Bools, Floats

OUT_OF_REACH = 5
"""Places that the ranker alone decides. At the same hit rate of cold targets, known ones lose a third less than with 0
(Beauty: -2.2 % of NDCG@10 instead of -3.7 % at a lift of 1.5)."""


def lifted(
    candidates: Candidates, scores: Floats, untouched: Bools, lift: float, *, level: float | None = None
) -> Floats:
    """Return float32[n_pairs]: scores, and `lift` standard deviations of the shopper's own scores where `untouched`.

    Untouched products that score `level` or more come before all others. But the shopper's first `OUT_OF_REACH`
    products by `scores` stay the first, in their order.
    """
    if (lift == 0 and level is None) or not untouched.any():
        return scores
    rows, n_rows = candidates.rows, candidates.n_rows
    spread = deviations(scores, rows, n_rows)
    found = scores + lift * spread[rows] * untouched
    if level is not None:
        most, fewest = np.full(n_rows, -np.inf), np.full(n_rows, np.inf)
        np.maximum.at(most, rows, found)
        np.minimum.at(fewest, rows, found)
        found = found + ((most - fewest) + spread)[rows] * (untouched & (scores >= level))
    first = places(scores, rows) < OUT_OF_REACH
    least, rival = np.full(n_rows, np.inf), np.full(n_rows, -np.inf)
    np.minimum.at(least, rows[first], scores[first])
    np.maximum.at(rival, rows[~first], found[~first])
    raised: Doubles = np.maximum(rival - least + 1e-3 * spread, 0.0)
    return np.where(first, scores + raised[rows], found).astype(np.float32)

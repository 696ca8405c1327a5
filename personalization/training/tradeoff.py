"""What the exposure constraint costs and earns: NDCG against spread, on validation, for several strengths."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from personalization.ranking.candidates import Candidates
from personalization.ranking.exposure import Exposure, shown_among_first
from personalization.recommenders.base import Bools, Catalogue, Floats, Longs
from personalization.recommenders.decay import DAY
from personalization.training.metrics import coverage, gini, mean_ndcg
from personalization.training.slates import slates

STRENGTHS = (0.0, 0.05, 0.1, 0.2, 0.35, 0.6, 1.0)
NEW_DAYS = 30.0


def curve(
    candidates: Candidates,
    scores: Floats,
    targets: Sequence[Longs],
    *,
    exposure: Exposure,
    new: Bools,
    listed: Bools,
) -> list[dict[str, Any]]:
    """Return NDCG@10, Gini and coverage of exposure, and the share of it that new items get, per strength.

    The chosen strength is on the curve too. `new` and `listed` (what could be shown) are bool[n_items].
    """
    strengths = sorted({*STRENGTHS, exposure.strength})
    return [_point(candidates, scores, targets, replace(exposure, strength=one), new, listed) for one in strengths]


def new_items(catalogue: Catalogue, *, until: float) -> Bools:
    """Return bool[n_items]: which items appeared in the last 30 days before the moment."""
    if catalogue.first_seen is None:
        return np.zeros(catalogue.n_items, bool)
    with np.errstate(invalid="ignore"):
        fresh: Bools = (catalogue.first_seen >= until - NEW_DAYS * DAY) & (catalogue.first_seen <= until)
    return fresh


def listed_at(catalogue: Catalogue, moment: float) -> Bools:
    """Return bool[n_items]: what could be shown at the moment.

    Not what appeared later or was taken out before, nor what is known only by what shoppers did: it is sold no more.
    """
    absent, told = catalogue.later(moment), catalogue.described()
    if catalogue.gone is not None:
        absent = absent | (catalogue.gone <= moment)
    if told.any():
        absent = absent | (~told if catalogue.first_seen is None else ~told & np.isnan(catalogue.first_seen))
    return ~absent


def _point(
    candidates: Candidates,
    scores: Floats,
    targets: Sequence[Longs],
    exposure: Exposure,
    new: Bools,
    listed: Bools,
) -> dict[str, Any]:
    n_items = len(exposure.excess)
    found = slates(candidates, exposure.eased(candidates, scores))
    counts = shown_among_first(found, n_items)
    return {
        "strength": exposure.strength,
        "ndcg": mean_ndcg(found, targets, n_items),
        "gini": gini(counts[listed]),
        "coverage": coverage(counts[listed]),
        "new_items": float(counts[new].sum() / max(counts.sum(), 1.0)) if new.any() else None,
    }

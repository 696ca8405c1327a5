"""What the exposure constraint costs and earns: NDCG against spread, on validation, for several strengths."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from recsys.arrays import Bools, Floats, Longs
from recsys.metrics.registry import mean_ndcg
from recsys.metrics.spread import coverage, gini, shown_among_first
from recsys.ranking.candidates import Candidates
from recsys.ranking.exposure_constraint import Exposure
from recsys.training.slates import slates

STRENGTHS = (0.0, 0.05, 0.1, 0.2, 0.35, 0.6, 1.0)


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

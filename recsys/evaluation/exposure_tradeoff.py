"""The trade-off of the exposure constraint: NDCG against spread on the test window, for several strengths."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from recsys.arrays import Bools, Floats, Longs
from recsys.data.folds import Fold
from recsys.data.listing import listed_at, new_items
from recsys.metrics.beyond_accuracy import coverage, exposure_counts, gini
from recsys.metrics.registry import mean_ndcg
from recsys.metrics.sample_sizes import EXPOSURE_SHOPPERS
from recsys.ranking.blend import blend_scores, with_positive_score
from recsys.ranking.candidates import Candidates
from recsys.ranking.exposure_constraint import ExposureConstraint
from recsys.ranking.groups import evenly_spaced
from recsys.ranking.model import HybridModel
from recsys.training.ranking_dataset import LabeledCandidates
from recsys.training.slates import slates

STRENGTHS = (0.0, 0.05, 0.1, 0.2, 0.35, 0.6, 1.0)


def tradeoff(model: HybridModel, candidates: LabeledCandidates, fold: Fold) -> list[dict[str, Any]]:
    """Return NDCG@10, Gini, coverage and the new items' share of exposure for each strength, as JSON values.

    The chosen strength is included. The curve is empty on the stages popular and single, which have no constraint. At
    most `TRADED` questions are used.
    """
    if model.stage not in ("blend", "ranker") or not len(fold):
        return []
    rows = evenly_spaced(len(fold), EXPOSURE_SHOPPERS)
    part, targets = candidates.of_rows(rows), [fold.targets[row] for row in rows.tolist()]
    if model.stage == "ranker" and model.ranker is not None:
        pairs, scores = part.candidates, model.ranker.scores(part.features)
    else:
        pairs, scores = with_positive_score(part.candidates, blend_scores(part.candidates, model.blend))
    exposure = ExposureConstraint.from_slates(slates(pairs, scores), n_items=fold.n_items, strength=0.0)
    is_new, is_listed = new_items(fold.full_catalog, until=fold.until), listed_at(fold.full_catalog, fold.until)
    chosen = model.exposure.strength if model.exposure else 0.0
    strengths = sorted({*STRENGTHS, chosen})
    return [_point(pairs, scores, targets, replace(exposure, strength=one), is_new, is_listed) for one in strengths]


def _point(
    candidates: Candidates,
    scores: Floats,
    targets: Sequence[Longs],
    exposure: ExposureConstraint,
    is_new: Bools,
    is_listed: Bools,
) -> dict[str, Any]:
    n_items = len(exposure.excess)
    penalized_slates = slates(candidates, exposure.penalized_scores(candidates, scores))
    counts = exposure_counts(penalized_slates, n_items)
    return {
        "strength": exposure.strength,
        "ndcg": mean_ndcg(penalized_slates, targets, n_items),
        "gini": gini(counts[is_listed]),
        "coverage": coverage(counts[is_listed]),
        "new_items": float(counts[is_new].sum() / max(counts.sum(), 1.0)) if is_new.any() else None,
    }

"""Ablation of Surprise's SVD: from its tutorial to the source `svd`, step by step, beside the released model.

All steps rank all items for the same shoppers of the test fold. Time is bounded: SVD is fitted on the newest `MAX_ROWS`
interactions, and evaluated on at most `MAX_SHOPPERS` of their shoppers.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, ClassVar

import numpy as np
import surprise

from recsys.arrays import Floats, Ints, Longs
from recsys.data.folds import Fold
from recsys.evaluation.peers.base import Matrix, MatrixPeer
from recsys.evaluation.peers.packaged import TutorialSVD
from recsys.evaluation.svd_as_feature import svd_feature_gain
from recsys.metrics.intervals import bootstrap
from recsys.metrics.registry import ndcg
from recsys.ranking.groups import evenly_spaced
from recsys.ranking.model import HybridModel
from recsys.sources.svd import SVD
from recsys.training.ranking_dataset import LabeledCandidates

MAX_ROWS = 100_000
MAX_SHOPPERS = 1_000
UNIFORM_HISTORY: Mapping[str, Any] = {"step": 1.0, "half_life_days": 0.0}
"""Settings that weight all events of a history equally."""


class SVDWithUserFactors(SVD):
    """The svd recommender that also keeps Surprise's model with its user factors; for evaluation, never saved."""

    surprise_model: surprise.SVD

    def fit_surprise(self, users: Any, items: Any, *, n_users: int, n_items: int) -> surprise.SVD:
        """Return Surprise's model, and keep it."""
        self.surprise_model = super().fit_surprise(users, items, n_users=n_users, n_items=n_items)
        return self.surprise_model


class LearnedUserFactors(MatrixPeer):
    """SVD with sampled negatives, scored with its own user factors instead of folding in histories."""

    name: ClassVar[str] = "with sampled negatives"

    def __init__(self, svd: SVDWithUserFactors) -> None:
        super().__init__()
        self.svd, self.n_items = svd, svd.n_items

    def learn(self, matrix: Matrix) -> None:
        """Do nothing: the model is already fitted."""

    def scores(self, users: Ints, histories: Matrix) -> Floats:
        """Return the estimates of items in the training data, -1e9 for others."""
        model = self.svd.surprise_model
        scores = np.asarray(model.pu[users] @ model.qi.T + model.bi, np.float32)
        scores[:, ~self.svd.arrays["in_training"]] = -1e9
        return scores


@dataclass(frozen=True, slots=True)
class SampledFold:
    """A fold with bounded past and questions; `rows` are the questions' rows in the whole fold."""

    fold: Fold
    rows: Longs

    @classmethod
    def of(cls, fold: Fold) -> "SampledFold":
        """Return the fold with the newest rows as past, and evenly spaced questions of shoppers in them."""
        past = fold.past.select(slice(max(0, len(fold.past) - MAX_ROWS), None))
        known_rows = np.flatnonzero(np.isin(fold.users, past.users))
        rows = known_rows[evenly_spaced(len(known_rows), MAX_SHOPPERS)]
        return cls(replace(fold.of_rows(rows), past=past), rows)


def surprise_ablation(
    released: HybridModel, fold: Fold, candidates: LabeledCandidates, *, other_slates: Mapping[str, Ints]
) -> dict[str, Any]:
    """Return the NDCG@10 of each step and of `other_slates` ("surprise"), and its basis ("surprise_basis").

    The basis holds the numbers of rows and shoppers, and the order of the steps. Both are empty without questions.
    """
    part = SampledFold.of(fold)
    if not len(part.rows):
        return {"surprise": {}, "surprise_basis": {}}
    svd = SVDWithUserFactors().fit(part.fold.past, released.catalog)
    slates_by_step = {**_steps(svd, part.fold), **{name: slates[part.rows] for name, slates in other_slates.items()}}
    metrics = {
        name: asdict(bootstrap(ndcg(slates, part.fold.targets, fold.n_items), shoppers=part.fold.users))
        for name, slates in slates_by_step.items()
    }
    metrics |= svd_feature_gain(released, fold, candidates, svd)
    rows, of_rows = len(part.fold.past), len(fold.past)
    basis = {"rows": rows, "of_rows": of_rows, "shoppers": len(part.rows), "steps": list(metrics)}
    return {"surprise": metrics, "surprise_basis": basis}


def _steps(svd: SVDWithUserFactors, fold: Fold) -> dict[str, Ints]:
    """Return int32[n, 10] slates of each step: tutorial, sampled negatives, folding in, recency weights."""
    tutorial, uniform = TutorialSVD(), svd.reconfigured(**UNIFORM_HISTORY)
    tutorial.fit(fold.past, fold.catalog)
    return {
        "as in the tutorial": tutorial.answer(fold, 10),
        LearnedUserFactors.name: LearnedUserFactors(svd).answer(fold, 10),
        "item factors folded in": uniform.recommend_many(fold.profiles, fold.contexts, 10).items,
        "folded in, recent events first (svd)": svd.recommend_many(fold.profiles, fold.contexts, 10).items,
    }

"""Permutation importance: the loss of NDCG on the test when one feature is shuffled among the candidates.

Source: Breiman, "Random forests", Machine Learning 2001.
"""

import numpy as np

from recsys.data.folds import Fold
from recsys.metrics.registry import mean_ndcg
from recsys.metrics.sample_sizes import IMPORTANCE_SHOPPERS
from recsys.ranking.groups import evenly_spaced, rank_in_row
from recsys.ranking.ranker import Ranker
from recsys.training.ranking_dataset import LabeledCandidates
from recsys.training.slates import slates

SHUFFLED_RANKS = 100
"""Values are shuffled among each question's first candidates; hardly any other would reach the first ten."""


def permutation_importance(ranker: Ranker, candidates: LabeledCandidates, fold: Fold, *, seed: int) -> dict[str, float]:
    """Return the loss of mean NDCG@10 per feature, on evenly spaced questions; 0 for unused features."""
    rows = evenly_spaced(candidates.candidates.n_rows, IMPORTANCE_SHOPPERS)
    part, targets = candidates.of_rows(rows), [fold.targets[row] for row in rows.tolist()]
    is_first = rank_in_row(ranker.scores(part.features), part.candidates.rows) < SHUFFLED_RANKS
    pairs, features = part.candidates.part(is_first), part.features[is_first]
    rng = np.random.default_rng(seed)

    def mean() -> float:
        return mean_ndcg(slates(pairs, ranker.scores(features)), targets, fold.n_items)

    baseline = mean()
    losses = dict.fromkeys(ranker.names, 0.0)
    for column in np.flatnonzero(ranker.used_features()).tolist():
        values = features[:, column].copy()
        features[:, column] = rng.permutation(values)
        losses[ranker.names[column]] = baseline - mean()
        features[:, column] = values
    return losses

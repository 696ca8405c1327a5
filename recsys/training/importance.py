"""Permutation importance: what validation loses when one feature's values are shuffled among the candidates."""

from collections.abc import Sequence

import numpy as np

from recsys.arrays import Longs
from recsys.metrics.registry import mean_ndcg
from recsys.metrics.sample_sizes import SHUFFLED_OF
from recsys.ranking.groups import even, places
from recsys.ranking.ranker import Ranker
from recsys.training.ranking_dataset import Examples
from recsys.training.slates import slates

SHUFFLED = 100
"""Each shopper's first candidates, unshuffled, among which values are shuffled: hardly any other comes into the first
ten (groceries keep 103 features, with all candidates the same and two more; Beauty 72, of which 71 the same)."""


def permutation_importance(
    ranker: Ranker, judged: Examples, targets: Sequence[Longs], n_items: int, *, columns: Longs, seed: int
) -> dict[str, float]:
    """Return the loss of mean NDCG@10 per feature; a feature no model looks at loses nothing and is not tried."""
    part, chosen = _first(ranker, judged, targets, columns)
    features = np.ascontiguousarray(part.features[:, columns])
    rng = np.random.default_rng(seed)

    def mean() -> float:
        return mean_ndcg(slates(part.candidates, ranker.scores(features)), chosen, n_items)

    whole = mean()
    losses = dict.fromkeys(ranker.names, 0.0)
    for at in np.flatnonzero(ranker.used()).tolist():
        held = features[:, at].copy()
        features[:, at] = rng.permutation(held)
        losses[ranker.names[at]] = whole - mean()
        features[:, at] = held
    return losses


def _first(
    ranker: Ranker, judged: Examples, targets: Sequence[Longs], columns: Longs
) -> tuple[Examples, Sequence[Longs]]:
    """Return the first candidates of an even choice of shoppers, their rows numbered anew."""
    rows = even(judged.candidates.n_rows, SHUFFLED_OF)
    part = judged.of_rows(rows)
    first = places(ranker.scores_at(part.features, columns), part.candidates.rows) < SHUFFLED
    return (
        Examples(part.candidates.part(first), part.features[first], part.labels[first]),
        [targets[row] for row in rows.tolist()],
    )

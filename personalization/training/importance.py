"""Permutation importance: what validation loses when one feature's values are shuffled among the candidates."""

from collections.abc import Sequence

import numpy as np

from personalization.ranking.groups import even
from personalization.ranking.ranker import Ranker
from personalization.training.examples import Examples
from personalization.training.ladder import ndcg, slates
from personalization.training.split import Longs

SHOPPERS = 200


def permutation_importance(
    ranker: Ranker, judged: Examples, targets: Sequence[Longs], n_items: int, *, columns: Longs, seed: int
) -> dict[str, float]:
    """Return the loss of mean NDCG@10 per feature; a feature no model looks at loses nothing and is not tried."""
    part, chosen = _first(judged, targets)
    features = np.ascontiguousarray(part.features[:, columns])
    rng = np.random.default_rng(seed)

    def mean() -> float:
        return float(ndcg(slates(part.candidates, ranker.scores(features)), chosen, n_items).mean())

    whole = mean()
    losses = dict.fromkeys(ranker.names, 0.0)
    for at in np.flatnonzero(ranker.used()).tolist():
        held = features[:, at].copy()
        features[:, at] = rng.permutation(held)
        losses[ranker.names[at]] = whole - mean()
        features[:, at] = held
    return losses


def _first(judged: Examples, targets: Sequence[Longs]) -> tuple[Examples, Sequence[Longs]]:
    """Return the examples of an even choice of shoppers, their rows numbered anew."""
    rows = even(judged.candidates.n_rows, SHOPPERS)
    return judged.of_rows(rows), [targets[row] for row in rows.tolist()]

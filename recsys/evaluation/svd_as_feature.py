"""What the learned ranker gains or loses when svd's opinion is added to what it sees.

Two rankers learn anew on one half of the test shoppers and are asked about the other half, and the other way round; one
of them sees svd's score and rank of each candidate too. Both know equally little, so their difference is svd's alone.
"""

from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np

from recsys.arrays import Doubles, Floats, Longs
from recsys.data.folds import Fold
from recsys.data.profile import Context, Profile
from recsys.metrics.intervals import bootstrap
from recsys.metrics.registry import ndcg
from recsys.ranking.candidates import Candidates
from recsys.ranking.groups import even
from recsys.ranking.model import HybridModel
from recsys.ranking.ranker import NETWORK
from recsys.sources.svd import SVD
from recsys.sources.top import best
from recsys.training.ranking_dataset import LabeledCandidates
from recsys.training.refit import fit_ranker
from recsys.training.slates import slates

MOST_SHOPPERS = 1_000
ROUNDS = 100
"""Trees at most. The network is left out: so few shoppers teach it little."""
LISTED = 200
"""How long svd's own list is, in which a candidate has a rank."""
CHUNK_CELLS = 1 << 23
LEAST_HITS = 20
"""Shoppers of each half whose candidates hold a target: with fewer there is nothing to learn from."""


def added(model: HybridModel, fold: Fold, candidates: LabeledCandidates, svd: SVD) -> dict[str, Any]:
    """Return the NDCG@10 of a ranker without and with svd, and the difference.

    {} where there is no ranker to learn, and where svd is one of its sources anyway: then the ablation tells its worth.
    """
    if model.ranker is None or svd.name in model.quotas:
        return {}
    rows = even(len(fold), MOST_SHOPPERS)
    part, targets = candidates.of_rows(rows), [fold.targets[row] for row in rows.tolist()]
    half_of = np.unique(fold.users[rows], return_inverse=True)[1] % 2
    hit = np.unique(part.candidates.rows[part.labels])
    if np.bincount(half_of[hit], minlength=2).min() < LEAST_HITS:
        return {}
    shoppers = [(fold.profiles[row], fold.contexts[row]) for row in rows.tolist()]
    names = model.ranker.names
    seen = np.concatenate([part.features, opinions(svd, part.candidates, shoppers)], axis=1)
    part = replace(part, features=seen)
    beside = _values(model, part, targets, half_of, names=(*names, "svd_score", "svd_rank"))
    without = _values(model, replace(part, features=seen[:, : len(names)]), targets, half_of, names=names)
    asked_of = fold.users[rows]
    return {
        "ranker learnt on half of the shoppers": asdict(bootstrap(without, shoppers=asked_of)),
        "the same, and svd's opinion": asdict(bootstrap(beside, shoppers=asked_of)),
        "what svd adds": asdict(bootstrap(beside - without, shoppers=asked_of)),
    }


def opinions(svd: SVD, candidates: Candidates, shoppers: Sequence[tuple[Profile, Context]]) -> Floats:
    """Return float32[n_pairs, 2]: svd's score of each candidate, and its rank where svd's own list holds it."""
    found = np.full((len(candidates.rows), 2), np.nan, np.float32)
    ends = np.searchsorted(candidates.rows, np.arange(candidates.n_rows + 1))
    size = max(1, CHUNK_CELLS // max(1, svd.n_items))
    for start in range(0, len(shoppers), size):
        chunk = shoppers[start : start + size]
        dense = svd.scores_many([profile for profile, _ in chunk], [context for _, context in chunk])
        for row, (line, (profile, context)) in enumerate(zip(dense, chunk, strict=True), start):
            own = slice(ends[row], ends[row + 1])
            rank = np.full(svd.n_items, np.nan, np.float32)
            listed = best(line, profile, context, LISTED).items
            rank[listed] = np.arange(len(listed))
            found[own, 0], found[own, 1] = line[candidates.items[own]], rank[candidates.items[own]]
    return found


def _values(
    model: HybridModel, part: LabeledCandidates, targets: Sequence[Longs], half_of: Longs, *, names: Sequence[str]
) -> Doubles:
    """Return each question's NDCG@10 by the ranker that learnt on the other half of the shoppers."""
    plan, scores = model.manifest["plan"], np.zeros(len(part.labels), np.float32)
    members = [
        (params, min(rounds, ROUNDS)) for params, rounds in plan["members"] if params.get("objective") != NETWORK
    ]
    for half in (0, 1):
        learnt = part.of_rows(np.flatnonzero(half_of == half)).dataset(seed=plan["seed"])
        ranker = fit_ranker(members or [({}, ROUNDS)], learnt, names, seed=plan["seed"])
        other = half_of[part.candidates.rows] != half
        if ranker is not None:
            scores[other] = ranker.scores(part.features[other])
    return ndcg(slates(part.candidates, scores), targets, model.catalogue.n_items)

"""The gain of the ranker when svd's score and rank are added to its features.

Two rankers are trained on one half of the test shoppers and evaluated on the other half, and vice versa. Only one of
them has svd's features, so the difference is the gain of svd.
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
from recsys.ranking.groups import evenly_spaced
from recsys.ranking.model import HybridModel
from recsys.ranking.ranker import NETWORK
from recsys.sources.svd import SVD
from recsys.sources.top import top_k
from recsys.training.ranking_dataset import LabeledCandidates
from recsys.training.refit import fit_ranker
from recsys.training.slates import slates

MAX_SHOPPERS = 1_000
MAX_TREES = 100
"""The most trees. The network is left out, since there are too few shoppers to train it."""
LIST_LENGTH = 200
"""The length of svd's own list; a candidate outside of it has no rank."""
CHUNK_CELLS = 1 << 23
MIN_HITS = 20
"""The fewest shoppers of each half whose candidates include a target."""


def svd_feature_gain(model: HybridModel, fold: Fold, candidates: LabeledCandidates, svd: SVD) -> dict[str, Any]:
    """Return the NDCG@10 of a ranker without and with svd, and the difference, as JSON values.

    {} without a ranker, with too few hits, or where svd is one of its sources: then the ablation reports its gain.
    """
    if model.ranker is None or svd.name in model.quotas:
        return {}
    rows = evenly_spaced(len(fold), MAX_SHOPPERS)
    part, targets = candidates.of_rows(rows), [fold.targets[row] for row in rows.tolist()]
    half_of = np.unique(fold.users[rows], return_inverse=True)[1] % 2
    hit_rows = np.unique(part.candidates.rows[part.labels])
    if np.bincount(half_of[hit_rows], minlength=2).min() < MIN_HITS:
        return {}
    shoppers = [(fold.profiles[row], fold.contexts[row]) for row in rows.tolist()]
    names = model.ranker.names
    extended_features = np.concatenate([part.features, svd_features(svd, part.candidates, shoppers)], axis=1)
    part = replace(part, features=extended_features)
    with_svd = _values(model, part, targets, half_of, names=(*names, "svd_score", "svd_rank"))
    without_svd = _values(
        model, replace(part, features=extended_features[:, : len(names)]), targets, half_of, names=names
    )
    users = fold.users[rows]
    return {
        "ranker learnt on half of the shoppers": asdict(bootstrap(without_svd, shoppers=users)),
        "the same, and svd's opinion": asdict(bootstrap(with_svd, shoppers=users)),
        "what svd adds": asdict(bootstrap(with_svd - without_svd, shoppers=users)),
    }


def svd_features(svd: SVD, candidates: Candidates, shoppers: Sequence[tuple[Profile, Context]]) -> Floats:
    """Return float32[n_pairs, 2]: svd's score of each candidate, and its rank in svd's own list, else NaN."""
    columns = np.full((len(candidates.rows), 2), np.nan, np.float32)
    ends = np.searchsorted(candidates.rows, np.arange(candidates.n_rows + 1))
    size = max(1, CHUNK_CELLS // max(1, svd.n_items))
    for start in range(0, len(shoppers), size):
        chunk = shoppers[start : start + size]
        dense = svd.scores_many([profile for profile, _ in chunk], [context for _, context in chunk])
        for row, (line, (profile, context)) in enumerate(zip(dense, chunk, strict=True), start):
            own = slice(ends[row], ends[row + 1])
            rank = np.full(svd.n_items, np.nan, np.float32)
            list_items = top_k(line, profile, context, LIST_LENGTH).items
            rank[list_items] = np.arange(len(list_items))
            columns[own, 0], columns[own, 1] = line[candidates.items[own]], rank[candidates.items[own]]
    return columns


def _values(
    model: HybridModel, part: LabeledCandidates, targets: Sequence[Longs], half_of: Longs, *, names: Sequence[str]
) -> Doubles:
    """Return float64[n]: each question's NDCG@10 by the ranker trained on the other half of the shoppers."""
    plan, scores = model.manifest["plan"], np.zeros(len(part.labels), np.float32)
    members = [
        (params, min(rounds, MAX_TREES)) for params, rounds in plan["members"] if params.get("objective") != NETWORK
    ]
    for half in (0, 1):
        train_set = part.of_rows(np.flatnonzero(half_of == half)).dataset(seed=plan["seed"])
        ranker = fit_ranker(members or [({}, MAX_TREES)], train_set, names, seed=plan["seed"])
        is_other_half = half_of[part.candidates.rows] != half
        if ranker is not None:
            scores[is_other_half] = ranker.scores(part.features[is_other_half])
    return ndcg(slates(part.candidates, scores), targets, model.catalog.n_items)

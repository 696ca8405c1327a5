"""Popular, single, blend, ranker: each rung is taken only when validation earns it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from personalization.ranking.blend import alone, blend_scores, followed, listed
from personalization.ranking.candidates import Candidates
from personalization.ranking.groups import places
from personalization.recommenders.base import Bools, Doubles, Floats, Ints, Longs
from personalization.training.metrics import DEEPEST, Interval, bootstrap, hits, per_shopper, resampled, sizes_of

EARNED: Mapping[str, float] = {"single": 0.9, "blend": 0.9, "ranker": 0.75, "appeal": 0.9}
"""How sure the bootstrap must be that a rung is better than the one held.

The ranker was asked as it stood before validation, and learns from that too before it is released, while the blend's
weights were fitted to the very questions. On new groceries the bootstrap was .81 sure, and the ranker .0893 against
.0824 on the window after. On appeal it has learned there as well, and nothing is granted.
"""
APPEALED = "taught by other shoppers of validation"
"""A refused ranker's second hearing: as it will be released, it has learned from that window as well."""


@dataclass(frozen=True, slots=True)
class Step:
    """One rung: its NDCG@10 with interval, the chance that it beats the rung held so far, and whether it was taken.

    `begins` is its NDCG@10 where a visit begins, if it was asked in the middle of visits too.
    """

    rung: str
    name: str
    ndcg: Interval
    chance: float
    taken: bool
    begins: Interval | None = None


def slates(candidates: Candidates, scores: Floats, *, k: int = DEEPEST) -> Ints:
    """Return int32[n_rows, k]: each shopper's best by score, ties to the lower code, -1 behind the end."""
    place = places(scores, candidates.rows)
    kept = place < k
    found = np.full((candidates.n_rows, k), -1, np.int32)
    found[candidates.rows[kept], place[kept]] = candidates.items[kept]
    return found


def slate_scores(candidates: Candidates, scores: Floats) -> Floats:
    """Return float32[n_rows, 20]: the scores that belong to `slates`, NaN behind the end."""
    place = places(scores, candidates.rows)
    kept = place < DEEPEST
    found = np.full((candidates.n_rows, DEEPEST), np.nan, np.float32)
    found[candidates.rows[kept], place[kept]] = scores[kept]
    return found


def source_slates(candidates: Candidates, name: str) -> Ints:
    """Return the head of a source's own lists."""
    ranks = candidates.ranks[:, candidates.sources.index(name)]
    own = ~np.isnan(ranks) & (ranks < DEEPEST)
    found = np.full((candidates.n_rows, DEEPEST), -1, np.int32)
    found[candidates.rows[own], ranks[own].astype(np.int64)] = candidates.items[own]
    return found


def single_slates(candidates: Candidates, name: str) -> Ints:
    """Return what is served where one source is the rung: its list, filled up by popularity."""
    return slates(*listed(candidates, followed(candidates, alone(name))))


def blend_slates(candidates: Candidates, weights: Mapping[str, float]) -> Ints:
    """Return what is served where the blend is the rung: of what its sources list."""
    return slates(*listed(candidates, blend_scores(candidates, weights)))


def ndcg(found: Ints, targets: Sequence[Longs], n_items: int) -> Doubles:
    """Return NDCG@10 per shopper."""
    return per_shopper(hits(found, targets, n_items), sizes_of(targets), k=10)["ndcg"]


def mean_ndcg(found: Ints, targets: Sequence[Longs], n_items: int) -> float:
    """Return the mean NDCG@10; 0 where nobody was asked."""
    values = ndcg(found, targets, n_items)
    return float(values.mean()) if len(values) else 0.0


def best_single(candidates: Candidates, targets: Sequence[Longs], n_items: int) -> dict[str, float]:
    """Return the mean NDCG@10 of each source alone, best first."""
    means = {name: mean_ndcg(source_slates(candidates, name), targets, n_items) for name in candidates.sources}
    return dict(sorted(means.items(), key=lambda pair: (-pair[1], pair[0])))


def tuned_blend(candidates: Candidates, targets: Sequence[Longs], n_items: int) -> dict[str, float]:
    """Return blend weights: start with the best source, add each next one while the blend gains by it."""
    order = list(best_single(candidates, targets, n_items))
    weights = {order[0]: 1.0}
    best = mean_ndcg(blend_slates(candidates, weights), targets, n_items)
    for name in order[1:]:
        for weight in (1.0, 0.5):
            tried = {**weights, name: weight}
            mean = mean_ndcg(blend_slates(candidates, tried), targets, n_items)
            if mean > best:
                weights, best = tried, mean
                break
    return weights


def climb(
    rungs: Mapping[str, tuple[str, Doubles]], *, shoppers: Longs, seed: int, begins: Bools | None = None
) -> tuple[list[Step], str]:
    """Return the steps and the rung released.

    `rungs` maps rung to name and NDCG@10 of each question, in climbing order; question i is of `shoppers[i]`, and asked
    as a visit begins where `begins[i]`.
    """
    steps: list[Step] = []
    held, standing = "popular", rungs["popular"][1]
    for rung, (name, values) in rungs.items():
        chance = better(values, standing, shoppers=shoppers, seed=seed) if rung != "popular" else 1.0
        taken = rung == "popular" or chance >= EARNED[rung]
        steps.append(_step(rung, name, values, chance, taken, shoppers=shoppers, seed=seed, begins=begins))
        if taken:
            held, standing = rung, values
    return steps, held


def appealed(standing: Doubles, values: Doubles, *, shoppers: Longs, seed: int, begins: Bools | None = None) -> Step:
    """Return the ranker's last step anew, judged by `values` against those of the rung that was taken instead."""
    chance = better(values, standing, shoppers=shoppers, seed=seed)
    taken = chance >= EARNED["appeal"]
    return _step("ranker", APPEALED, values, chance, taken, shoppers=shoppers, seed=seed, begins=begins)


def _step(
    rung: str,
    name: str,
    values: Doubles,
    chance: float,
    taken: bool,
    *,
    shoppers: Longs,
    seed: int,
    begins: Bools | None,
) -> Step:
    apart = begins is not None and begins.any() and not begins.all()
    own = bootstrap(values[begins], shoppers=shoppers[begins], seed=seed) if apart else None
    return Step(rung, name, bootstrap(values, shoppers=shoppers, seed=seed), chance, taken, own)


def better(values: Doubles, than: Doubles, *, shoppers: Longs, seed: int) -> float:
    """Return the share of paired bootstrap samples of the shoppers in which the mean is higher."""
    if not len(values):
        return 0.0
    difference = values - than
    if not difference.any():
        return 0.0
    return float((resampled(difference[:, None], shoppers=shoppers, seed=seed) > 0).mean())

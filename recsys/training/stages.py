"""Popular, single, blend, ranker: each rung is taken only when validation earns it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from recsys.arrays import Bools, Doubles, Longs
from recsys.metrics.intervals import Interval, better, bootstrap
from recsys.metrics.registry import mean_ndcg
from recsys.ranking.candidates import Candidates
from recsys.training.slates import blend_slates, source_slates

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

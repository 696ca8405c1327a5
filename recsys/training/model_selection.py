"""Popular, single, blend, ranker: each stage is released only when validation earns it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from recsys.arrays import Bools, Doubles, Floats, Longs
from recsys.data.folds import Fold
from recsys.metrics.intervals import Interval, bootstrap, share_better
from recsys.metrics.registry import mean_ndcg, ndcg
from recsys.ranking.candidates import Candidates
from recsys.training.slates import blend_slates, single_slates, slates, source_slates

EARNED: Mapping[str, float] = {"single": 0.9, "blend": 0.9, "ranker": 0.5}
"""How sure the paired bootstrap must be that a stage is better than the one taken so far.

The ranker is judged as it stood before validation and learns from it before release, while the blend's weights and the
single source were chosen on these very questions: it needs to be ahead, no more.
"""


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage: NDCG@10 with interval, the chance that it beats the stage taken so far, and whether it was taken.

    `begins` is its NDCG@10 where a visit begins, if questions in the middle of visits were asked too.
    """

    stage: str
    name: str
    ndcg: Interval
    chance: float
    taken: bool
    begins: Interval | None = None


@dataclass(frozen=True, slots=True)
class Selection:
    """The stages, the one that is released, NDCG@10 of each source alone (best first) and the blend's weights.

    `values`, float64[n_questions], is NDCG@10 of the released stage.
    """

    stages: Sequence[Stage]
    stage: str
    singles: Mapping[str, float]
    blend: Mapping[str, float]
    values: Doubles

    @property
    def single(self) -> str:
        """The best source alone."""
        return next(iter(self.singles))


def select_model(candidates: Candidates, fold: Fold, *, ranker_scores: Floats | None, seed: int) -> Selection:
    """Return which stage is released, judged on the candidates of validation's questions.

    `ranker_scores` is float32[n_pairs]; None where there is no ranker.
    """
    n_items, targets = fold.n_items, fold.targets
    singles = best_singles(candidates, targets, n_items)
    blend = tuned_blend(candidates, targets, n_items)
    values = {
        "popular": ("popular", ndcg(source_slates(candidates, "popular"), targets, n_items)),
        "single": (name := next(iter(singles)), ndcg(single_slates(candidates, name), targets, n_items)),
        "blend": ("blend", ndcg(blend_slates(candidates, blend), targets, n_items)),
    }
    if ranker_scores is not None:
        values["ranker"] = ("ranker", ndcg(slates(candidates, ranker_scores), targets, n_items))
    stages, taken = climb(values, shoppers=fold.users, seed=seed, begins=fold.begins)
    return Selection(stages, taken, singles, blend, values[taken][1])


def climb(
    values: Mapping[str, tuple[str, Doubles]], *, shoppers: Longs, seed: int, begins: Bools | None = None
) -> tuple[list[Stage], str]:
    """Return the stages and the one released.

    `values` maps each stage to its name and NDCG@10 of each question, in climbing order. Question i is of `shoppers[i]`
    and asked as a visit begins where `begins[i]`.
    """
    stages: list[Stage] = []
    released, standing = "popular", values["popular"][1]
    for stage, (name, own) in values.items():
        chance = 1.0 if stage == "popular" else share_better(own, standing, shoppers=shoppers, seed=seed)
        taken = stage == "popular" or chance >= EARNED[stage]
        apart = begins is not None and begins.any() and not begins.all()
        beginning = bootstrap(own[begins], shoppers=shoppers[begins], seed=seed) if apart else None
        stages.append(Stage(stage, name, bootstrap(own, shoppers=shoppers, seed=seed), chance, taken, beginning))
        if taken:
            released, standing = stage, own
    return stages, released


def best_singles(candidates: Candidates, targets: Sequence[Longs], n_items: int) -> dict[str, float]:
    """Return the mean NDCG@10 of each source alone, best first."""
    means = {name: mean_ndcg(source_slates(candidates, name), targets, n_items) for name in candidates.sources}
    return dict(sorted(means.items(), key=lambda pair: (-pair[1], pair[0])))


def tuned_blend(candidates: Candidates, targets: Sequence[Longs], n_items: int) -> dict[str, float]:
    """Return blend weights: start with the best source, add each next one while the blend gains by it."""
    order = list(best_singles(candidates, targets, n_items))
    weights = {order[0]: 1.0}
    best = mean_ndcg(blend_slates(candidates, weights), targets, n_items)
    for name in order[1:]:
        for weight in (1.0, 0.5):
            extended = {**weights, name: weight}
            mean = mean_ndcg(blend_slates(candidates, extended), targets, n_items)
            if mean > best:
                weights, best = extended, mean
                break
    return weights

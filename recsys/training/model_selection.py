"""What is decided before the test: settings, quotas, features, rounds, and which rung of the ladder is released."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from recsys.arrays import Longs
from recsys.data.folds import Fold
from recsys.data.listing import listed_at, new_items
from recsys.metrics.intervals import better
from recsys.metrics.registry import mean_ndcg, ndcg
from recsys.metrics.sample_sizes import TRADED
from recsys.parallel import side_by_side
from recsys.progress import Progress, part_of
from recsys.ranking.blend import blend_scores, listed
from recsys.ranking.cold_boost import lifted
from recsys.ranking.exposure_constraint import Exposure
from recsys.ranking.features import positions
from recsys.ranking.groups import even
from recsys.ranking.ranker import Judged
from recsys.sources.registry import RECOMMENDERS
from recsys.sources.scoring import Scoring
from recsys.training.candidate_quotas import recall
from recsys.training.cold_boost_tuning import Lift, tuned_lift
from recsys.training.exposure_tradeoff import curve
from recsys.training.hybrid import Hybrid, hybrid
from recsys.training.newest_baseline import newest_hit_rate
from recsys.training.plan import Plan, ranked_sources
from recsys.training.ranker_training import TrainedRanker, by_strangers
from recsys.training.ranking_dataset import Examples, limited
from recsys.training.slates import (
    blend_slates,
    single_slates,
    slates,
    source_slates,
)
from recsys.training.stages import (
    Step,
    appealed,
    best_single,
    climb,
    tuned_blend,
)
from recsys.training.tuning import (
    BAYESIAN,
    Search,
    Tuned,
    started,
    tune,
)
from recsys.training.validation_set import Deciding, few

SUGGESTED, TUNED = "suggested", "tuned"
STRONG = 3.0
"""How much more time is spent on tuning a source that, as it begins, is at least half as good as the best. Those that
suggest no settings are not looked at before, and count as others do."""

SURE = 0.9
"""How sure the bootstrap must be, where questions are few, that tuned settings beat those a source suggests: each
source's by itself, and then the ranker's of all. ADR 15."""
LIKELIER = 0.5
"""How sure it must be where questions are plenty, of the ranker's of all alone."""


@dataclass(frozen=True)
class Choice:
    """The plan, and the evidence for it: the ladder's steps, each source alone, recall, importance, tuning."""

    plan: Plan
    learnt: Sequence[Judged]
    steps: Sequence[Step]
    singles: Mapping[str, float]
    recall: float
    importance: Mapping[str, float]
    tuned: Mapping[str, Tuned]
    exposure: Exposure | None = None
    """What holds back over-exposed items, measured on validation; None where the knob is at 0 or can do nothing."""
    tradeoff: Sequence[Mapping[str, Any]] = ()
    lift: Lift = field(default_factory=Lift)
    """What new products are given, and what each cold lift costs and earns."""
    settings: Mapping[str, float] = field(default_factory=dict)
    """NDCG@10, on the questions that judge, of the ranker of suggested settings, of that of tuned ones, or of both."""


@dataclass(frozen=True)
class Task:
    """What every step of a choice knows: the folds that the ranker learns on, oldest first, and the one that judges."""

    names: Sequence[str]
    learning: Sequence[Fold]
    validation: Fold
    search: Search
    seed: int
    progress: Progress

    @property
    def folds(self) -> list[Fold]:
        """The folds that settings are judged on, the most telling first."""
        return [self.validation, *reversed(self.learning)]

    @property
    def pooled(self) -> bool:
        """Whether the questions of all folds decide, for validation asks few."""
        return few(self.validation)


def choose(
    learning: Sequence[Fold],
    validation: Fold,
    *,
    budget_s: float,
    seed: int,
    progress: Progress,
    search: Search = BAYESIAN,
    names: Sequence[str] | None = None,
    exposure: float = 0.0,
) -> Choice:
    """Return what to release: the ranker learns on earlier folds and stops, is cut and compared on the next.

    `exposure` is how strongly over-exposed items are held back, 0 to 1. Raises ValueError, before anything is fitted,
    where the study of the search cannot be opened.
    """
    search.opened()
    task = Task(tuple(names or ranked_sources()), learning, validation, search, seed, progress)
    found, ready = _settings(task, budget_s=budget_s)
    taken, tuned, settings = _better_hybrid(task, found, ready)
    asked, late, deciding, ranked = taken.asked, taken.late, taken.deciding, taken.ranked
    progress("Climbing the ladder", 0.95)
    candidates, targets = deciding.asked.candidates, deciding.targets
    singles = best_single(candidates, targets, deciding.n_items)
    single = next(iter(singles))
    blend = tuned_blend(candidates, targets, deciding.n_items)
    lift = Lift()
    if ranked:
        runner_up = max(*singles.values(), mean_ndcg(blend_slates(candidates, blend), targets, deciding.n_items))
        newest = newest_hit_rate([*learning, validation] if task.pooled else [validation])
        lift = tuned_lift(deciding, ranked.scores, newest=newest, runner_up=runner_up)
        ranked = _lifted(ranked, deciding, lift)
    steps, rung = _ladder(taken, blend, single, ranked, pooled=task.pooled, seed=seed)
    limit, tradeoff = _exposure(late, validation, blend, rung, ranked, strength=exposure)
    plan = Plan(
        configs=taken.configs,
        quotas=taken.quotas,
        blend=blend,
        single=single,
        rung=rung,
        features=ranked.names if ranked else (),
        rankers=ranked.members if ranked else (),
        new_only=validation.new_only,
        seed=seed,
        exposure=limit.strength if limit else 0.0,
        cold_lift=lift.value,
        cold_share=lift.share,
        cold_least=lift.least,
    )
    return Choice(
        plan=plan,
        learnt=_learnt([*asked, late], ranked.columns, seed=seed) if ranked else [],
        steps=steps,
        singles=singles,
        recall=recall(targets, deciding.asked.labels),
        importance=ranked.importance if ranked else {},
        tuned=tuned,
        exposure=limit,
        tradeoff=tradeoff,
        lift=lift,
        settings=settings,
    )


def _settings(task: Task, *, budget_s: float) -> tuple[dict[str, dict[str, Tuned]], dict[str, Scoring]]:
    """Return the suggested settings of the sources and, where there is time to search, the tuned ones, by kind; and
    the sources that were fitted with suggested ones.
    """
    begun, ready = _started(task)
    found = {SUGGESTED: begun}
    if budget_s > 0:
        if not task.pooled:
            ready.clear()  # large where a shop is, and sooner fitted again than held while the search goes on
        found[TUNED] = _tuned(task, begun, budget_s=budget_s)
    return found, ready


def _lifted(ranked: TrainedRanker, deciding: Deciding, lift: Lift) -> TrainedRanker:
    """Return the ranker with the scores that new products' lift makes, and its values as the ladder compares them.

    New products that are held back, or given places, cost the whole on purpose; no other rung is asked to do so.
    """
    candidates, new = deciding.asked.candidates, deciding.untouched()
    alone = lifted(candidates, ranked.scores, new, max(lift.value, 0.0))
    values = ndcg(slates(candidates, alone), deciding.targets, deciding.n_items)
    scores = lifted(candidates, ranked.scores, new, lift.value, level=lift.level)
    return replace(ranked, scores=scores, values=values)


def _learnt(asked: Sequence[Examples], columns: Longs, *, seed: int) -> list[Judged]:
    return [part.judged(columns) for part in limited([part.thinned(seed=seed) for part in asked])]


def columns_of(plan: Plan) -> Longs:
    """Return the positions of the plan's features among all features of its sources."""
    return positions(plan.features, tuple(sorted(plan.quotas)))


def _better_hybrid(
    task: Task, found: Mapping[str, Mapping[str, Tuned]], ready: dict[str, Scoring]
) -> tuple[Hybrid, Mapping[str, Tuned], dict[str, float]]:
    """Return the first hybrid or one that is surely better, its settings, and what each is worth. `ready` are sources
    of suggested settings.
    """
    sure = SURE if task.pooled else LIKELIER
    best: tuple[Hybrid, Mapping[str, Tuned]] | None = None
    worth: dict[str, float] = {}
    for at, (kind, tuned) in enumerate(found.items()):
        low, high = (0.4 + 0.55 * (at + share) / len(found) for share in (0, 1))
        own = hybrid(
            task.names,
            {name: dict(one.config) for name, one in tuned.items()},
            task.learning,
            task.validation,
            ready=ready if kind == SUGGESTED else {},
            seed=task.seed,
            progress=part_of(_naming(task.progress, kind) if len(found) > 1 else task.progress, low, high),
        )
        worth[kind] = float(own.values.mean()) if len(own.values) else 0.0
        if best is None or better(own.values, best[0].values, shoppers=own.deciding.users, seed=task.seed) >= sure:
            best = own, tuned
    if best is None:
        raise ValueError("there are no settings to choose from")
    taken, tuned = best
    tried = {name: one.trials for kind in found.values() for name, one in kind.items()}  # all, whatever was taken
    told = {name: replace(tuned.get(name, Tuned({}, float("nan"), 0)), trials=most) for name, most in tried.items()}
    return taken, told, worth


def _naming(progress: Progress, kind: str) -> Progress:
    return lambda message, share: progress(f"{message} ({kind} settings)", share)


def _tuned(task: Task, begun: Mapping[str, Tuned], *, budget_s: float) -> dict[str, Tuned]:
    """Return what the search finds above the settings that sources suggest."""
    tunable = [name for name in task.names if RECOMMENDERS[name].SEARCH_SPACE]
    shares = dict.fromkeys(tunable, 1.0)
    for discovers in (False, True):  # which are asked something else
        alike = [name for name in tunable if name in begun and RECOMMENDERS[name].discovers is discovers]
        best = max((begun[name].value for name in alike), default=0.0)
        shares |= dict.fromkeys((name for name in alike if begun[name].value >= best / 2), STRONG)
    sure = SURE if task.pooled else 0.0
    care = {False: sure, True: SURE if few(task.validation.discoveries()) else sure}
    tuned = {}
    for at, name in enumerate(tunable):
        task.progress(f"Tuning {name}", 0.1 + 0.3 * at / len(tunable))
        tuned[name] = tune(
            name,
            task.folds,
            budget_s=budget_s * shares[name] / sum(shares.values()),
            seed=task.seed,
            search=task.search,
            sure=care[RECOMMENDERS[name].discovers],
        )
    return tuned


def _started(task: Task) -> tuple[dict[str, Tuned], dict[str, Scoring]]:
    """Return the better of the settings that each source suggests: those of one kind of shop serve another badly."""
    found = side_by_side(
        lambda name: started(name, task.folds, seed=task.seed, search=task.search),
        [name for name in task.names if RECOMMENDERS[name].STARTS or task.search.held.get(name)],
        waiting=lambda name, share: task.progress(f"Trying settings of {name}", 0.1 * share),
    )
    begun = {name: best for name, (best, _) in found.items()}
    return begun, {name: fitted for name, (_, fitted) in found.items() if fitted is not None}


def _exposure(
    late: Examples,
    fold: Fold,
    blend: Mapping[str, float],
    rung: str,
    ranked: TrainedRanker | None,
    *,
    strength: float,
) -> tuple[Exposure | None, list[dict[str, Any]]]:
    """Return the exposure constraint of the rung, and its trade-off curve; a rung of one source's own has neither."""
    if rung not in ("blend", "ranker") or not len(fold):
        return None, []
    # As visits begin, which is what the held-out window and the gate ask.
    begins = np.flatnonzero(fold.begins)
    asked = begins if len(begins) else np.arange(len(fold))
    rows = asked[even(len(asked), TRADED)]
    part, targets = late.of_rows(rows), [fold.targets[row] for row in rows.tolist()]
    if ranked is not None and rung == "ranker":
        own = ranked.scores[-len(late.labels) :]
        scores = own[np.isin(late.candidates.rows, rows)]
        candidates = part.candidates
    else:
        candidates, scores = listed(part.candidates, blend_scores(part.candidates, blend))
    limit = Exposure.measured(slates(candidates, scores), n_items=fold.n_items, strength=strength)
    points = curve(
        candidates,
        scores,
        targets,
        exposure=limit,
        new=new_items(fold.whole, until=fold.until),
        listed=listed_at(fold.whole, fold.until),
    )
    return limit if strength else None, points


def _ladder(
    hybrid: Hybrid, blend: Mapping[str, float], single: str, ranked: TrainedRanker | None, *, pooled: bool, seed: int
) -> tuple[list[Step], str]:
    """Return the steps and the rung released; `pooled` says that the questions of all folds judge, ranked by strangers.

    Else a ranker that is refused is heard again, without what new products are given. It was asked as it stood before
    validation, the other rungs have settings or weights that are the best for its very questions: a window unlike those
    before decides against it, though the next one may not be.
    """
    deciding = hybrid.deciding
    n, found, targets = deciding.n_items, deciding.asked.candidates, deciding.targets
    rungs = {
        "popular": ("popular", ndcg(source_slates(found, "popular"), targets, n)),
        "single": (single, ndcg(single_slates(found, single), targets, n)),
        "blend": ("blend", ndcg(blend_slates(found, blend), targets, n)),
    }
    if ranked is None:
        return climb(rungs, shoppers=deciding.users, seed=seed, begins=deciding.begins)
    rungs["ranker"] = ("ranker", ranked.values)
    steps, rung = climb(rungs, shoppers=deciding.users, seed=seed, begins=deciding.begins)
    if rung == "ranker" or pooled:
        return steps, rung
    values = by_strangers(ranked, hybrid.asked, deciding, seed=seed)
    steps.append(appealed(rungs[rung][1], values, shoppers=deciding.users, seed=seed, begins=deciding.begins))
    return steps, "ranker" if steps[-1].taken else rung

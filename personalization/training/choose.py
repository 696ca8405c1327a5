"""What validation decides: settings, quotas, features, rounds, and which rung of the ladder is released."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from personalization.ranking.blend import blend_scores
from personalization.ranking.candidates import gather
from personalization.ranking.facts import ItemFacts
from personalization.ranking.features import feature_names
from personalization.ranking.ranker import Judged, Ranker
from personalization.recommenders.base import Catalogue
from personalization.recommenders.registry import RECOMMENDERS
from personalization.training.examples import Examples, examples, label
from personalization.training.folds import Fold
from personalization.training.importance import permutation_importance
from personalization.training.ladder import Step, best_single, climb, ndcg, slates, source_slates, tuned_blend
from personalization.training.plan import Plan, fresh, ranked_sources
from personalization.training.recall import DEPTH, recall, tuned_quotas
from personalization.training.split import Longs
from personalization.training.tune import Tuned, tune

Progress = Callable[[str, float], None]
SAMPLE = 500
"""Shoppers that quotas are tuned on."""
ROUNDS = 400


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


@dataclass(frozen=True, slots=True)
class _Ranked:
    """A ranker, the columns it looks at, and its NDCG@10 per shopper on validation."""

    ranker: Ranker
    columns: Longs
    values: Any
    importance: Mapping[str, float]


def choose(
    learning: Fold,
    validation: Fold,
    catalogue: Catalogue,
    *,
    budget_s: float,
    seed: int,
    progress: Progress,
    names: Sequence[str] | None = None,
) -> Choice:
    """Return what to release: the ranker learns on one fold and stops, is cut and is compared on the next."""
    wanted = tuple(names or ranked_sources())
    tuned = _tuned(wanted, validation, catalogue, budget_s=budget_s, seed=seed, progress=progress)
    configs = {name: dict(one.config) for name, one in tuned.items()}
    progress("Tuning candidates for recall", 0.4)
    early, quotas = _early(wanted, configs, learning, catalogue, seed=seed)
    progress("Asking the sources again, later", 0.55)
    late = _asked(quotas, configs, validation, catalogue)
    progress("Training the ranker", 0.7)
    ranked = _ranker(early, late, validation, catalogue, seed=seed)
    progress("Climbing the ladder", 0.95)
    singles = best_single(late.candidates, validation.targets, catalogue.n_items)
    blend = tuned_blend(late.candidates, validation.targets, catalogue.n_items)
    steps, rung = _ladder(late, validation, catalogue, blend, next(iter(singles)), ranked, seed=seed)
    plan = Plan(
        configs=configs,
        quotas=quotas,
        blend=blend,
        single=next(iter(singles)),
        rung=rung,
        features=ranked.ranker.names,
        rounds=max(ranked.ranker.rounds, 10),
        new_only=validation.new_only,
        seed=seed,
    )
    return Choice(
        plan,
        [early.judged(ranked.columns), late.thinned(seed=seed).judged(ranked.columns)],
        steps,
        singles,
        recall(late.candidates, validation.targets, late.labels),
        ranked.importance,
        tuned,
    )


def columns_of(plan: Plan) -> Longs:
    """Return the positions of the plan's features among all features of its sources."""
    position = {name: at for at, name in enumerate(feature_names(tuple(sorted(plan.quotas))))}
    return np.fromiter((position[name] for name in plan.features), np.int64, len(plan.features))


def _tuned(
    names: Sequence[str], fold: Fold, catalogue: Catalogue, *, budget_s: float, seed: int, progress: Progress
) -> dict[str, Tuned]:
    if budget_s <= 0:
        return {}
    tunable = [name for name in names if RECOMMENDERS[name].SEARCH_SPACE]
    tuned = {}
    for at, name in enumerate(tunable):
        progress(f"Tuning {name}", 0.4 * at / len(tunable))
        tuned[name] = tune(name, fold, catalogue, budget_s=budget_s / len(tunable), seed=seed)
    return tuned


def _early(
    names: Sequence[str], configs: Mapping[str, Mapping[str, Any]], fold: Fold, catalogue: Catalogue, *, seed: int
) -> tuple[Examples, dict[str, int]]:
    """Return the examples of the learning fold and the quotas tuned on a part of it."""
    sources = {name: source.fit(fold.past, catalogue) for name, source in fresh(tuple(names), configs).items()}
    part = fold.sample(SAMPLE, seed=seed)
    deep = gather(
        sources, part.profiles, part.contexts, quotas=dict.fromkeys(sources, DEPTH), n_items=catalogue.n_items
    )
    quotas = tuned_quotas(deep, label(deep, part.targets, catalogue.n_items), always=("popular",))
    quotas = {name: quota for name, quota in sorted(quotas.items()) if quota}
    facts = ItemFacts.fit(fold.past, catalogue, until=fold.until)
    asked = examples({name: sources[name] for name in quotas}, facts, fold, quotas=quotas)
    return asked.thinned(seed=seed), quotas


def _asked(
    quotas: Mapping[str, int], configs: Mapping[str, Mapping[str, Any]], fold: Fold, catalogue: Catalogue
) -> Examples:
    sources = {name: source.fit(fold.past, catalogue) for name, source in fresh(quotas, configs).items()}
    facts = ItemFacts.fit(fold.past, catalogue, until=fold.until)
    return examples(sources, facts, fold, quotas=quotas)


def _ranker(early: Examples, late: Examples, fold: Fold, catalogue: Catalogue, *, seed: int) -> _Ranked:
    """Return the ranker on all features or, where validation loses nothing by it, on those that help."""
    names = feature_names(early.candidates.sources)
    everything = np.arange(len(names))
    whole = _fitted(early, late, fold, catalogue, names, everything, seed=seed)
    losses = permutation_importance(whole.ranker, late, fold.targets, catalogue.n_items, columns=everything, seed=seed)
    helping = np.flatnonzero([losses[name] > 0 for name in names])
    if not len(helping):
        return replace(whole, importance=losses)
    cut = _fitted(early, late, fold, catalogue, names, helping, seed=seed)
    return replace(cut if cut.values.mean() >= whole.values.mean() else whole, importance=losses)


def _fitted(
    early: Examples,
    late: Examples,
    fold: Fold,
    catalogue: Catalogue,
    names: Sequence[str],
    columns: Longs,
    *,
    seed: int,
) -> _Ranked:
    ranker = Ranker.fit(
        early.judged(columns),
        names=[names[at] for at in columns.tolist()],
        seed=seed,
        valid=late.thinned(seed=seed).judged(columns),
        rounds=ROUNDS,
    )
    scores = ranker.scores(np.ascontiguousarray(late.features[:, columns]))
    return _Ranked(ranker, columns, ndcg(slates(late.candidates, scores), fold.targets, catalogue.n_items), {})


def _ladder(
    late: Examples,
    fold: Fold,
    catalogue: Catalogue,
    blend: Mapping[str, float],
    single: str,
    ranked: _Ranked,
    *,
    seed: int,
) -> tuple[list[Step], str]:
    n, found = catalogue.n_items, late.candidates
    rungs = {
        "popular": ("popular", ndcg(source_slates(found, "popular"), fold.targets, n)),
        "single": (single, ndcg(source_slates(found, single), fold.targets, n)),
        "blend": ("blend", ndcg(slates(found, blend_scores(found, blend)), fold.targets, n)),
        "ranker": ("ranker", ranked.values),
    }
    return climb(rungs, seed=seed)

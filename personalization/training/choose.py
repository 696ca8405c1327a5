"""What validation decides: settings, quotas, features, rounds, and which rung of the ladder is released."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np

from personalization.ranking.blend import blend_scores
from personalization.ranking.candidates import gather
from personalization.ranking.exposure import Exposure
from personalization.ranking.facts import ItemFacts
from personalization.ranking.features import feature_names
from personalization.ranking.ranker import Judged, Ranker
from personalization.recommenders.base import Catalogue
from personalization.recommenders.registry import RECOMMENDERS
from personalization.training.examples import Examples, examples, joined, label, teaches
from personalization.training.folds import Fold
from personalization.training.importance import permutation_importance
from personalization.training.ladder import Step, best_single, climb, ndcg, slates, source_slates, tuned_blend
from personalization.training.plan import Plan, fresh, ranked_sources
from personalization.training.recall import DEPTH, recall, tuned_quotas
from personalization.training.split import Longs
from personalization.training.tradeoff import curve, new_items
from personalization.training.tune import Tuned, started, tune

Progress = Callable[[str, float], None]
SAMPLE = 500
"""Shoppers that quotas are tuned on."""
TRADED = 1_000
"""Shoppers that the exposure constraint is measured on."""
ROUNDS = 400
PRESETS: tuple[Mapping[str, Any], ...] = (
    {},
    {"num_leaves": 7, "min_data_in_leaf": 50, "learning_rate": 0.04, "lambda_l2": 20.0, "feature_fraction": 0.3},
    {"objective": "binary", "num_leaves": 15, "learning_rate": 0.04},
)
"""Settings of the ranker that validation chooses from: as usual, calm for little data, pointwise for many targets."""


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


@dataclass(frozen=True, slots=True)
class _Ranked:
    """A ranker, the columns it looks at, and its NDCG@10 per shopper on validation."""

    ranker: Ranker
    columns: Longs
    values: Any
    params: Mapping[str, Any]
    importance: Mapping[str, float] = field(default_factory=dict)


def choose(
    learning: Sequence[Fold],
    validation: Fold,
    catalogue: Catalogue,
    *,
    budget_s: float,
    seed: int,
    progress: Progress,
    names: Sequence[str] | None = None,
    exposure: float = 0.0,
) -> Choice:
    """Return what to release: the ranker learns on earlier folds and stops, is cut and compared on the next.

    `exposure` is how strongly over-exposed items are held back, 0 to 1.
    """
    wanted = tuple(names or ranked_sources())
    tuned = _tuned(
        wanted, [validation, *reversed(learning)], catalogue, budget_s=budget_s, seed=seed, progress=progress
    )
    configs = {name: dict(one.config) for name, one in tuned.items()}
    progress("Tuning candidates for recall", 0.4)
    quotas = _quotas(wanted, configs, learning[-1], catalogue, seed=seed)
    progress("Asking the sources of the learning folds", 0.45)
    asked = [_asked(quotas, configs, fold, catalogue).thinned(seed=seed) for fold in learning]
    progress("Asking the sources again, later", 0.55)
    late = _asked(quotas, configs, validation, catalogue)
    progress("Training the ranker", 0.7)
    ranked = _ranker(asked, late, validation, catalogue, seed=seed)
    progress("Climbing the ladder", 0.95)
    singles = best_single(late.candidates, validation.targets, catalogue.n_items)
    blend = tuned_blend(late.candidates, validation.targets, catalogue.n_items)
    steps, rung = _ladder(late, validation, catalogue, blend, next(iter(singles)), ranked, seed=seed)
    limit, tradeoff = _exposure(late, validation, catalogue, blend, rung, ranked, strength=exposure)
    plan = Plan(
        configs=configs,
        quotas=quotas,
        blend=blend,
        single=next(iter(singles)),
        rung=rung,
        features=ranked.ranker.names if ranked else (),
        rounds=max(ranked.ranker.rounds, 10) if ranked else 0,
        ranker=ranked.params if ranked else {},
        new_only=validation.new_only,
        seed=seed,
        exposure=limit.strength if limit else 0.0,
    )
    return Choice(
        plan,
        [part.judged(ranked.columns) for part in (*asked, late.thinned(seed=seed))] if ranked else [],
        steps,
        singles,
        recall(late.candidates, validation.targets, late.labels),
        ranked.importance if ranked else {},
        tuned,
        limit,
        tradeoff,
    )


def columns_of(plan: Plan) -> Longs:
    """Return the positions of the plan's features among all features of its sources."""
    position = {name: at for at, name in enumerate(feature_names(tuple(sorted(plan.quotas))))}
    return np.fromiter((position[name] for name in plan.features), np.int64, len(plan.features))


def _tuned(
    names: Sequence[str], folds: Sequence[Fold], catalogue: Catalogue, *, budget_s: float, seed: int, progress: Progress
) -> dict[str, Tuned]:
    if budget_s <= 0:
        return _started(names, folds, catalogue, seed=seed, progress=progress)
    tunable = [name for name in names if RECOMMENDERS[name].SEARCH_SPACE]
    tuned = {}
    for at, name in enumerate(tunable):
        progress(f"Tuning {name}", 0.4 * at / len(tunable))
        tuned[name] = tune(name, folds, catalogue, budget_s=budget_s / len(tunable), seed=seed)
    return tuned


def _started(
    names: Sequence[str], folds: Sequence[Fold], catalogue: Catalogue, *, seed: int, progress: Progress
) -> dict[str, Tuned]:
    """Return the better of the settings that each source suggests: those of one kind of shop serve another badly."""
    open_to = [name for name in names if RECOMMENDERS[name].STARTS]
    begun = {}
    for at, name in enumerate(open_to):
        progress(f"Trying settings of {name}", 0.4 * at / len(open_to))
        begun[name] = started(name, folds, catalogue, seed=seed)
    return begun


def _quotas(
    names: Sequence[str], configs: Mapping[str, Mapping[str, Any]], fold: Fold, catalogue: Catalogue, *, seed: int
) -> dict[str, int]:
    """Return the quotas tuned on a part of a fold."""
    sources = {name: source.fit(fold.past, catalogue) for name, source in fresh(tuple(names), configs).items()}
    part = fold.sample(SAMPLE, seed=seed)
    deep = gather(
        sources, part.profiles, part.contexts, quotas=dict.fromkeys(sources, DEPTH), n_items=catalogue.n_items
    )
    quotas = tuned_quotas(deep, label(deep, part.targets, catalogue.n_items), always=tuple(sources))
    return {name: quota for name, quota in sorted(quotas.items()) if quota}


def _asked(
    quotas: Mapping[str, int], configs: Mapping[str, Mapping[str, Any]], fold: Fold, catalogue: Catalogue
) -> Examples:
    sources = {name: source.fit(fold.past, catalogue) for name, source in fresh(quotas, configs).items()}
    facts = ItemFacts.fit(fold.past, catalogue, until=fold.until)
    return examples(sources, facts, fold, quotas=quotas)


def _ranker(
    early: Sequence[Examples], late: Examples, fold: Fold, catalogue: Catalogue, *, seed: int
) -> _Ranked | None:
    """Return the ranker of the best settings on all features or, where validation loses nothing, on those that help.

    None where the candidates of the learning folds, or of validation, hold no target, or nothing else.
    """
    if not (any(teaches(part.labels) for part in early) and teaches(late.thinned(seed=seed).labels)):
        return None
    names = feature_names(late.candidates.sources)
    everything = np.arange(len(names))
    fit = partial(_fitted, early, late, fold, catalogue, names, seed=seed)
    whole = max((fit(everything, preset) for preset in PRESETS), key=lambda one: float(one.values.mean()))
    losses = permutation_importance(whole.ranker, late, fold.targets, catalogue.n_items, columns=everything, seed=seed)
    helping = np.flatnonzero([losses[name] > 0 for name in names])
    if not len(helping):
        return replace(whole, importance=losses)
    cut = fit(helping, whole.params)
    return replace(cut if cut.values.mean() >= whole.values.mean() else whole, importance=losses)


def _fitted(
    early: Sequence[Examples],
    late: Examples,
    fold: Fold,
    catalogue: Catalogue,
    names: Sequence[str],
    columns: Longs,
    params: Mapping[str, Any],
    *,
    seed: int,
) -> _Ranked:
    ranker = Ranker.fit(
        joined([part.judged(columns) for part in early]),
        names=[names[at] for at in columns.tolist()],
        seed=seed,
        valid=late.thinned(seed=seed).judged(columns),
        rounds=ROUNDS,
        params=params,
    )
    scores = ranker.scores(np.ascontiguousarray(late.features[:, columns]))
    values = ndcg(slates(late.candidates, scores), fold.targets, catalogue.n_items)
    return _Ranked(ranker, columns, values, params)


def _exposure(
    late: Examples,
    fold: Fold,
    catalogue: Catalogue,
    blend: Mapping[str, float],
    rung: str,
    ranked: _Ranked | None,
    *,
    strength: float,
) -> tuple[Exposure | None, list[dict[str, Any]]]:
    """Return the exposure constraint of the rung, and its trade-off curve; a rung of one source's own has neither."""
    if rung not in ("blend", "ranker") or not len(fold):
        return None, []
    rows = np.unique(np.linspace(0, len(fold) - 1, min(len(fold), TRADED)).astype(np.int64))
    part, targets = late.of_rows(rows), [fold.targets[row] for row in rows.tolist()]
    if ranked is not None and rung == "ranker":
        scores = ranked.ranker.scores(np.ascontiguousarray(part.features[:, ranked.columns]))
    else:
        scores = blend_scores(part.candidates, blend)
    limit = Exposure.measured(slates(part.candidates, scores), n_items=catalogue.n_items, strength=strength)
    points = curve(part.candidates, scores, targets, exposure=limit, new=new_items(catalogue, until=fold.until))
    return limit if strength else None, points


def _ladder(
    late: Examples,
    fold: Fold,
    catalogue: Catalogue,
    blend: Mapping[str, float],
    single: str,
    ranked: _Ranked | None,
    *,
    seed: int,
) -> tuple[list[Step], str]:
    n, found = catalogue.n_items, late.candidates
    rungs = {
        "popular": ("popular", ndcg(source_slates(found, "popular"), fold.targets, n)),
        "single": (single, ndcg(source_slates(found, single), fold.targets, n)),
        "blend": ("blend", ndcg(slates(found, blend_scores(found, blend)), fold.targets, n)),
    }
    if ranked is not None:
        rungs["ranker"] = ("ranker", ranked.values)
    return climb(rungs, seed=seed)

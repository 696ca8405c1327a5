"""What validation decides: settings, quotas, features, rounds, and which rung of the ladder is released."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from personalization.ranking.blend import blend_scores
from personalization.ranking.candidates import gather
from personalization.ranking.cold_lift import lifted
from personalization.ranking.exposure import Exposure
from personalization.ranking.facts import ItemFacts
from personalization.ranking.features import feature_names
from personalization.ranking.groups import even
from personalization.ranking.ranker import Judged
from personalization.recommenders.base import Catalogue
from personalization.recommenders.registry import RECOMMENDERS
from personalization.recommenders.scoring import Scoring
from personalization.training.ensemble import Ranked, ensemble
from personalization.training.examples import LEARNT_ROWS, NEGATIVES, Examples, examples, label, limited
from personalization.training.folds import LIMIT, Fold
from personalization.training.judging import Judging, few
from personalization.training.ladder import Step, best_single, climb, ndcg, slates, source_slates, tuned_blend
from personalization.training.lifting import Lift, tuned_lift
from personalization.training.plan import Plan, fresh, ranked_sources
from personalization.training.recall import DEPTH, recall, tuned_quotas
from personalization.training.side_by_side import fitted, side_by_side
from personalization.training.split import Longs
from personalization.training.tradeoff import curve, new_items
from personalization.training.tune import BAYESIAN, Search, Tuned, started, tune

Progress = Callable[[str, float], None]
SAMPLE = 500
"""Shoppers that quotas are tuned on."""
TRADED = 1_000
"""Shoppers that the exposure constraint is measured on."""
STRONG = 3.0
"""How much more time is spent on tuning a source that, as it begins, is at least half as good as the best."""

SURE = 0.9
"""How sure the bootstrap must be that a source's tuned settings beat those it suggests.

On four windows of about 200 shoppers, tuning that took whatever validated best brought the sources nothing, made them
alike, and the ranker .0420 instead of .0433 without tuning."""


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
    lifting: Sequence[Mapping[str, Any]] = ()
    """What each cold lift costs and earns."""


def choose(
    learning: Sequence[Fold],
    validation: Fold,
    catalogue: Catalogue,
    *,
    budget_s: float,
    seed: int,
    progress: Progress,
    search: Search = BAYESIAN,
    names: Sequence[str] | None = None,
    exposure: float = 0.0,
) -> Choice:
    """Return what to release: the ranker learns on earlier folds and stops, is cut and compared on the next.

    `exposure` is how strongly over-exposed items are held back, 0 to 1.
    """
    wanted = tuple(names or ranked_sources())
    folds = [validation, *reversed(learning)]
    tuned, ready = _tuned(wanted, folds, catalogue, budget_s=budget_s, seed=seed, search=search, progress=progress)
    configs = {name: dict(one.config) for name, one in tuned.items()}
    progress("Tuning candidates for recall", 0.4)
    latest = _fitted(wanted, configs, learning[-1], catalogue)
    quotas, teaching = _quotas(latest, learning[-1], catalogue, seed=seed)
    progress("Asking the sources of the learning folds", 0.45)
    pooled = few(validation)
    most = LIMIT if pooled else _enough(teaching, folds=len(learning) + 1)
    asked = []
    for fold in learning:
        sources = latest if fold is learning[-1] else _fitted(quotas, configs, fold, catalogue)
        part = _asked(quotas, {name: sources[name] for name in quotas}, fold.sample(most, seed=seed), catalogue)
        # Thinned at once: whole folds together would be most of the memory.
        asked.append(part if pooled else part.thinned(seed=seed))
    del latest, sources, part
    progress("Asking the sources again, later", 0.55)
    ready |= _fitted(quotas.keys() - ready.keys(), configs, validation, catalogue)
    late = _asked(quotas, {name: ready[name] for name in quotas}, validation, catalogue)
    del ready
    judging = Judging.of(
        [*asked, late] if pooled else [late],
        [*learning, validation] if pooled else [validation],
        n_items=catalogue.n_items,
    )
    progress("Training the ranker", 0.7)
    ranked = ensemble(asked, late, judging, pooled=pooled, seed=seed)
    progress("Climbing the ladder", 0.95)
    found, targets = judging.asked.candidates, judging.targets
    singles = best_single(found, targets, catalogue.n_items)
    blend = tuned_blend(found, targets, catalogue.n_items)
    lift = tuned_lift(judging, ranked.scores) if ranked else Lift()
    if ranked:
        scores = lifted(found, ranked.scores, judging.untouched(), lift.value)
        ranked = replace(ranked, scores=scores, values=ndcg(slates(found, scores), targets, catalogue.n_items))
    steps, rung = _ladder(judging, blend, next(iter(singles)), ranked, seed=seed)
    limit, tradeoff = _exposure(late, validation, catalogue, blend, rung, ranked, strength=exposure)
    plan = Plan(
        configs=configs,
        quotas=quotas,
        blend=blend,
        single=next(iter(singles)),
        rung=rung,
        features=ranked.names if ranked else (),
        rankers=ranked.members if ranked else (),
        new_only=validation.new_only,
        seed=seed,
        exposure=limit.strength if limit else 0.0,
        cold_lift=lift.value,
        cold_share=lift.share,
    )
    return Choice(
        plan,
        _learnt([*asked, late], ranked.columns, seed=seed) if ranked else [],
        steps,
        singles,
        recall(found, targets, judging.asked.labels),
        ranked.importance if ranked else {},
        tuned,
        limit,
        tradeoff,
        lift.curve,
    )


def _learnt(asked: Sequence[Examples], columns: Longs, *, seed: int) -> list[Judged]:
    return [part.judged(columns) for part in limited([part.thinned(seed=seed) for part in asked])]


def columns_of(plan: Plan) -> Longs:
    """Return the positions of the plan's features among all features of its sources."""
    position = {name: at for at, name in enumerate(feature_names(tuple(sorted(plan.quotas))))}
    return np.fromiter((position[name] for name in plan.features), np.int64, len(plan.features))


def _tuned(
    names: Sequence[str],
    folds: Sequence[Fold],
    catalogue: Catalogue,
    *,
    budget_s: float,
    seed: int,
    search: Search,
    progress: Progress,
) -> tuple[dict[str, Tuned], dict[str, Scoring]]:
    """Return the settings and, as far as there already are any, the sources fitted with them on the first fold."""
    begun, ready = _started(names, folds, catalogue, seed=seed, progress=progress)
    tunable = [name for name in names if RECOMMENDERS[name].SEARCH_SPACE]
    if budget_s <= 0 or not tunable:
        return begun, ready
    best = max((one.value for one in begun.values()), default=0.0)
    shares = {name: STRONG if name in begun and begun[name].value >= best / 2 else 1.0 for name in tunable}
    tuned = {}
    for at, name in enumerate(tunable):
        progress(f"Tuning {name}", 0.1 + 0.3 * at / len(tunable))
        own = budget_s * shares[name] / sum(shares.values())
        tuned[name] = tune(name, folds, catalogue, budget_s=own, seed=seed, search=search, sure=SURE)
    return tuned, {}


def _started(
    names: Sequence[str], folds: Sequence[Fold], catalogue: Catalogue, *, seed: int, progress: Progress
) -> tuple[dict[str, Tuned], dict[str, Scoring]]:
    """Return the better of the settings that each source suggests: those of one kind of shop serve another badly."""
    open_to = [name for name in names if RECOMMENDERS[name].STARTS]
    found = side_by_side(
        lambda name: started(name, folds, catalogue, seed=seed),
        open_to,
        waiting=lambda name, share: progress(f"Trying settings of {name}", 0.1 * share),
    )
    begun = {name: best for name, (best, _) in found.items()}
    return begun, {name: fitted for name, (_, fitted) in found.items() if fitted is not None}


def _fitted(
    names: Iterable[str], configs: Mapping[str, Mapping[str, Any]], fold: Fold, catalogue: Catalogue
) -> dict[str, Scoring]:
    """Return the sources, in the order of their names, fitted on a fold's past."""
    return fitted(fresh(tuple(names), configs), fold.past, catalogue)


def _quotas(
    sources: Mapping[str, Scoring], fold: Fold, catalogue: Catalogue, *, seed: int
) -> tuple[dict[str, int], float]:
    """Return the quotas tuned on a part of a fold, and the share of its questions that a source can answer."""
    part = fold.sample(SAMPLE, seed=seed)
    deep = gather(
        sources, part.profiles, part.contexts, quotas=dict.fromkeys(sources, DEPTH), n_items=catalogue.n_items
    )
    hit = label(deep, part.targets, catalogue.n_items)
    quotas = tuned_quotas(deep, hit, always=tuple(sources))
    share = len(np.unique(deep.rows[hit])) / max(1, len(part))
    return {name: quota for name, quota in sorted(quotas.items()) if quota}, share


def _enough(teaching: float, *, folds: int) -> int:
    """Return how many questions of each fold give as many candidates as rankers learn from.

    `teaching` is the share of questions whose candidates hold a target: a ranker learns nothing from others.
    """
    return int(np.ceil(LEARNT_ROWS / folds / NEGATIVES / max(teaching, 0.01)))


def _asked(quotas: Mapping[str, int], sources: Mapping[str, Scoring], fold: Fold, catalogue: Catalogue) -> Examples:
    facts = ItemFacts.fit(fold.past, catalogue, until=fold.until)
    return examples(sources, facts, fold, quotas=quotas)


def _exposure(
    late: Examples,
    fold: Fold,
    catalogue: Catalogue,
    blend: Mapping[str, float],
    rung: str,
    ranked: Ranked | None,
    *,
    strength: float,
) -> tuple[Exposure | None, list[dict[str, Any]]]:
    """Return the exposure constraint of the rung, and its trade-off curve; a rung of one source's own has neither."""
    if rung not in ("blend", "ranker") or not len(fold):
        return None, []
    rows = even(len(fold), TRADED)
    part, targets = late.of_rows(rows), [fold.targets[row] for row in rows.tolist()]
    if ranked is not None and rung == "ranker":
        own = ranked.scores[-len(late.labels) :]
        scores = own[np.isin(late.candidates.rows, rows)]
    else:
        scores = blend_scores(part.candidates, blend)
    limit = Exposure.measured(slates(part.candidates, scores), n_items=catalogue.n_items, strength=strength)
    points = curve(part.candidates, scores, targets, exposure=limit, new=new_items(catalogue, until=fold.until))
    return limit if strength else None, points


def _ladder(
    judging: Judging, blend: Mapping[str, float], single: str, ranked: Ranked | None, *, seed: int
) -> tuple[list[Step], str]:
    n, found, targets = judging.n_items, judging.asked.candidates, judging.targets
    rungs = {
        "popular": ("popular", ndcg(source_slates(found, "popular"), targets, n)),
        "single": (single, ndcg(source_slates(found, single), targets, n)),
        "blend": ("blend", ndcg(slates(found, blend_scores(found, blend)), targets, n)),
    }
    if ranked is not None:
        rungs["ranker"] = ("ranker", ranked.values)
    return climb(rungs, seed=seed)

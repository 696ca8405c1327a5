"""The evaluation report as JSON values: ladder, every source and rung with intervals, groups, coverage, ablation."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from recsys.arrays import (
    Bools,
    Floats,
    Ints,
    Longs,
)
from recsys.data.activity import known_of, thirds
from recsys.data.data_checks import checked, data_profile
from recsys.data.dataset import Dataset
from recsys.data.folds import Fold
from recsys.data.listing import listed_at
from recsys.evaluation.cold_start_curve import cold_start
from recsys.evaluation.next_items import next_items
from recsys.evaluation.surprise_ablation import surprise_ablation
from recsys.metrics.hits import asked_hits
from recsys.metrics.intervals import bootstrap
from recsys.metrics.registry import all_metrics, mean_ndcg, ndcg
from recsys.metrics.sample_sizes import ABLATED
from recsys.metrics.spread import beyond_accuracy
from recsys.ranking.blend import (
    alone,
    blend_scores,
    followed,
    listed,
)
from recsys.ranking.candidates import Candidates, held_by
from recsys.ranking.features import AGREEING
from recsys.ranking.groups import even
from recsys.ranking.model import Bundle
from recsys.sources.registry import RECOMMENDERS
from recsys.training.model_selection import Choice
from recsys.training.model_slates import milliseconds
from recsys.training.ranking_dataset import Examples
from recsys.training.rating_errors import rating_errors
from recsys.training.slates import (
    single_slates,
    slate_scores,
    slates,
    source_slates,
)

LATENCY_CALLS = 50


def judged_report(
    bundle: Bundle, fold: Fold, asked: Examples, choice: Choice, dataset: Dataset, *, newest: int | None = None
) -> dict[str, Any]:
    """Return what the admin's page shows, as JSON values; `newest` is how many events a live profile holds at most."""
    on_sale = listed_at(fold.whole, fold.until)
    released, _ = released_slates(bundle, fold, asked)
    lists = rung_slates(bundle, fold, asked, released=released)
    popular = {name: lists[name] for name in ("popular",) if name in lists}
    return {
        "rung": bundle.rung,
        "single": choice.plan.single,
        "ladder": [asdict(step) for step in choice.steps],
        "data": dict(dataset.report),
        "event_weights": dict(dataset.weights),
        "data_profile": data_profile(dataset),
        "data_checks": [asdict(check) for check in checked(dataset)],
        "test": {name: judged(found, fold) for name, found in lists.items()},
        "beyond": {name: beyond(found, fold, on_sale) for name, found in lists.items()},
        "groups": groups(released, fold),
        "ablation": ablation(bundle, fold, asked),
        "importance": dict(sorted(choice.importance.items(), key=lambda pair: -pair[1])),
        "candidate_recall": choice.recall,
        "validation_singles": dict(choice.singles),
        "tuning": {name: asdict(one) for name, one in choice.tuned.items()},
        "discovering": sorted(
            name for name in choice.plan.configs if RECOMMENDERS[name].discovers and not choice.plan.new_only
        ),
        "settings": dict(choice.settings),
        "quotas": dict(choice.plan.quotas),
        "blend": dict(choice.plan.blend),
        "exposure": {"chosen": choice.plan.exposure, "curve": list(choice.tradeoff)},
        "cold_lift": {
            "chosen": choice.plan.cold_lift,
            "tested": bundle.cold_lift,
            "least": choice.plan.cold_least,
            "hit_rate": choice.lift.hit_rate,
            "newest": choice.lift.newest,
            "curve": list(choice.lift.curve),
        },
        "rmse": rating_errors(bundle.facts.stars, fold, dataset.interactions),
        **surprise_ablation(bundle, fold, asked, beside={**popular, "released": released}),
        "cold_start": cold_start(bundle, fold),
        "next_item": next_items(bundle, dataset, fold, newest=newest),
        "latency_ms": latency(bundle, fold),
    }


def rung_slates(bundle: Bundle, fold: Fold, asked: Examples, *, released: Ints) -> dict[str, Ints]:
    """Return int32[n, 20] slates of the ranker, the blend and each source. `released`: those of the bundle's rung."""
    found: dict[str, Ints] = {}
    if bundle.rung == "ranker":
        found["ranker"] = released
    elif bundle.ranker is not None:
        found["ranker"] = slates(*_ordered(bundle, fold, asked, "ranker"))
    found["blend"] = slates(*_ordered(bundle, fold, asked, "blend"))
    found["single"] = single_slates(asked.candidates, bundle.single)
    return found | {name: source_slates(asked.candidates, name) for name in asked.candidates.sources}


def released_slates(bundle: Bundle, fold: Fold, asked: Examples, *, among: Bools | None = None) -> tuple[Ints, Floats]:
    """Return the slates of the released rung, int32[n, 20], and their scores; of the items `among` only, if given."""
    candidates, scores = _ordered(bundle, fold, asked, bundle.rung)
    if among is not None:
        kept = among[candidates.items]
        candidates, scores = candidates.part(kept), scores[kept]
    return slates(candidates, scores), slate_scores(candidates, scores)


def _ordered(bundle: Bundle, fold: Fold, asked: Examples, rung: str) -> tuple[Candidates, Floats]:
    """Return the candidates that a rung answers with, and the scores that put them in order."""
    candidates, own = asked.candidates, None
    if rung == "ranker" and bundle.ranker is not None:
        scores = bundle.ranker.scores_at(asked.features, bundle.columns(candidates.sources))
        own = held_by(fold.profiles, candidates)
    elif rung == "blend":
        candidates, scores = listed(candidates, blend_scores(candidates, bundle.blend))
    else:
        names = alone(bundle.single) if rung == "single" else (rung,)
        candidates, scores = listed(candidates, followed(candidates, names))
    return candidates, bundle.spread(candidates, scores, rung=rung, own=own)


def judged(found: Ints, fold: Fold) -> dict[str, Any]:
    """Return every metric with its interval for all targets together, for warm ones and for cold ones."""
    return {
        "together": _metrics(found, fold, fold.targets),
        "warm": _metrics(found, fold, fold.warm_targets()),
        "cold": _metrics(found, fold, fold.cold_targets()),
    }


def _metrics(found: Ints, fold: Fold, targets: Sequence[Longs]) -> dict[str, Any]:
    asked, hit, sizes = asked_hits(found, targets, fold.n_items)
    return {name: asdict(one) for name, one in all_metrics(hit, sizes, shoppers=fold.users[asked]).items()}


def beyond(found: Ints, fold: Fold, on_sale: Bools) -> dict[str, float]:
    """Return coverage and Gini of what could be shown at the cut (bool[n_items]), novelty and popularity lift."""
    popularity = np.bincount(fold.past.items, minlength=len(on_sale)).astype(np.float64)
    return beyond_accuracy(found, popularity, listed=on_sale)


def groups(found: Ints, fold: Fold) -> dict[str, Any]:
    """Return NDCG@10 of shoppers by how much is known of them, in thirds."""
    values = ndcg(found, fold.targets, fold.n_items)
    return {
        name: asdict(bootstrap(values[rows], shoppers=fold.users[rows]))
        for name, rows in thirds(known_of(fold.profiles))
    }


def ablation(bundle: Bundle, fold: Fold, asked: Examples) -> dict[str, float]:
    """Return the NDCG@10 that the released ranker loses when a source falls silent (not trained again without it)."""
    if bundle.ranker is None or not len(fold):
        return {}
    rows = even(len(fold), ABLATED)
    asked, targets = asked.of_rows(rows), [fold.targets[row] for row in rows.tolist()]
    features = asked.features[:, bundle.columns(asked.candidates.sources)]
    whole = mean_ndcg(slates(asked.candidates, bundle.ranker.scores(features)), targets, fold.n_items)
    losses = {}
    for at, name in enumerate(asked.candidates.sources):
        silent = {f"{name}_score": 0.0, f"{name}_rank": np.nan, f"{name}_of_top": np.nan}
        muted = features.copy()
        for column, feature in enumerate(bundle.ranker.names):
            if feature in silent:
                muted[:, column] = silent[feature]
            elif feature == AGREEING:
                muted[:, column] -= ~np.isnan(asked.candidates.ranks[:, at])
        left = np.asarray((~np.isnan(np.delete(asked.candidates.ranks, at, axis=1))).any(axis=1), np.bool_)
        found = slates(asked.candidates.part(left), bundle.ranker.scores(muted[left]))
        losses[name] = whole - mean_ndcg(found, targets, fold.n_items)
    return losses


def latency(bundle: Bundle, fold: Fold) -> Mapping[str, float]:
    """Return p50 and p99 milliseconds of a whole slate of ten for one shopper."""
    taken = [milliseconds(bundle, fold, row) for row in range(min(LATENCY_CALLS, len(fold)))]
    if not taken:
        return {}
    return {"p50": float(np.quantile(taken, 0.5)), "p99": float(np.quantile(taken, 0.99))}

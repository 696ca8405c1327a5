"""The evaluation report as JSON values: ladder, every source and stage with intervals, groups, coverage, cost."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from recsys.arrays import Bools, Floats, Ints, Longs
from recsys.data.activity import event_counts, thirds
from recsys.data.data_checks import check_dataset, data_profile
from recsys.data.dataset import Dataset
from recsys.data.folds import Fold
from recsys.data.listing import listed_at
from recsys.evaluation.cold_start_curve import cold_start
from recsys.evaluation.exposure_tradeoff import tradeoff
from recsys.evaluation.importance import permutation_importance
from recsys.evaluation.next_items import next_items
from recsys.evaluation.rating_errors import rating_errors
from recsys.evaluation.surprise_ablation import surprise_ablation
from recsys.metrics.beyond_accuracy import beyond_accuracy
from recsys.metrics.hits import hits_with_targets
from recsys.metrics.intervals import bootstrap
from recsys.metrics.registry import all_metrics, mean_ndcg, ndcg
from recsys.metrics.sample_sizes import ABLATION_SHOPPERS
from recsys.ranking.blend import blend_scores, chained_scores, single_stage_sources, with_positive_score
from recsys.ranking.candidates import Candidates
from recsys.ranking.features import SOURCE_COUNT
from recsys.ranking.groups import evenly_spaced
from recsys.ranking.model import HybridModel
from recsys.sources.registry import RECOMMENDERS
from recsys.training.ranking_dataset import LabeledCandidates
from recsys.training.served_slates import milliseconds
from recsys.training.slates import single_slates, slate_scores, slates, source_slates
from recsys.training.training import Training

MAX_LATENCY_CALLS = 50


def training_report(
    training: Training,
    candidates: LabeledCandidates,
    dataset: Dataset,
    *,
    thorough: bool = False,
    max_events: int | None = None,
) -> dict[str, Any]:
    """Return the report of a training, as JSON values.

    `candidates` are those of the test window's questions. `thorough` adds the ablation of sources and of Surprise's
    SVD, which takes as long as a training. `max_events` is the number of events of a kind that a live profile holds.
    """
    model, fold, plan = training.model, training.folds.test, training.plan
    on_sale = listed_at(fold.full_catalog, fold.until)
    released, _ = released_slates(model, candidates)
    lists = stage_slates(model, candidates, released=released)
    importance = {}
    if model.ranker is not None:
        importance = permutation_importance(model.ranker, candidates, fold, seed=plan.seed)
    report = {
        "stage": model.stage,
        "single": plan.single,
        "ladder": [asdict(stage) for stage in training.selection.stages],
        "data": dict(dataset.report),
        "event_weights": dict(dataset.weights),
        "data_profile": data_profile(dataset),
        "data_checks": [asdict(check) for check in check_dataset(dataset)],
        "test": {name: metrics_by_targets(own, fold) for name, own in lists.items()},
        "beyond": {name: spread_metrics(own, fold, on_sale) for name, own in lists.items()},
        "groups": activity_metrics(released, fold),
        "importance": dict(sorted(importance.items(), key=lambda pair: -pair[1])),
        "candidate_recall": training.recall,
        "validation_singles": dict(training.selection.singles),
        "tuning": {name: asdict(one) for name, one in training.settings.items()},
        "discovering": sorted(name for name in plan.configs if RECOMMENDERS[name].discovers and not plan.new_only),
        "quotas": dict(plan.quotas),
        "blend": dict(plan.blend),
        "exposure": {"chosen": plan.exposure, "curve": tradeoff(model, candidates, fold)},
        "rmse": rating_errors(model.statistics.stars, fold, dataset.interactions),
        "cold_start": cold_start(model, fold),
        "next_item": next_items(model, dataset, fold, max_events=max_events),
        "latency_ms": latency(model, fold),
    }
    if thorough:
        popular = {name: lists[name] for name in ("popular",) if name in lists}
        report["ablation"] = ablation(model, fold, candidates)
        report |= surprise_ablation(model, fold, candidates, other_slates={**popular, "released": released})
    return report


def stage_slates(model: HybridModel, candidates: LabeledCandidates, *, released: Ints) -> dict[str, Ints]:
    """Return int32[n, 20] slates of ranker, blend, single and each source; `released` are the released stage's."""
    lists: dict[str, Ints] = {}
    if model.stage == "ranker":
        lists["ranker"] = released
    elif model.ranker is not None:
        lists["ranker"] = slates(*stage_scores(model, candidates, "ranker"))
    lists["blend"] = slates(*stage_scores(model, candidates, "blend"))
    lists["single"] = single_slates(candidates.candidates, model.single_source)
    return lists | {name: source_slates(candidates.candidates, name) for name in candidates.candidates.sources}


def released_slates(
    model: HybridModel, candidates: LabeledCandidates, *, among: Bools | None = None
) -> tuple[Ints, Floats]:
    """Return the released stage's slates, int32[n, 20], and their scores; `among`, bool[n_items], restricts items."""
    pairs, scores = stage_scores(model, candidates, model.stage)
    if among is not None:
        is_kept = among[pairs.items]
        pairs, scores = pairs.part(is_kept), scores[is_kept]
    return slates(pairs, scores), slate_scores(pairs, scores)


def stage_scores(model: HybridModel, candidates: LabeledCandidates, stage: str) -> tuple[Candidates, Floats]:
    """Return the candidates of a stage, and their scores after the exposure constraint."""
    pairs = candidates.candidates
    if stage == "ranker" and model.ranker is not None:
        scores = model.ranker.scores(candidates.features)
    elif stage == "blend":
        pairs, scores = with_positive_score(pairs, blend_scores(pairs, model.blend))
    else:
        names = single_stage_sources(model.single_source) if stage == "single" else (stage,)
        pairs, scores = with_positive_score(pairs, chained_scores(pairs, names))
    return pairs, model.apply_exposure_constraint(pairs, scores, stage=stage)


def metrics_by_targets(slates: Ints, fold: Fold) -> dict[str, Any]:
    """Return every metric with its interval for all targets ("together"), warm ones and cold ones."""
    return {
        "together": _metrics(slates, fold, fold.targets),
        "warm": _metrics(slates, fold, fold.warm_targets()),
        "cold": _metrics(slates, fold, fold.cold_targets()),
    }


def _metrics(slates: Ints, fold: Fold, targets: Sequence[Longs]) -> dict[str, Any]:
    answered, hits, sizes = hits_with_targets(slates, targets, fold.n_items)
    return {name: asdict(one) for name, one in all_metrics(hits, sizes, shoppers=fold.users[answered]).items()}


def spread_metrics(slates: Ints, fold: Fold, on_sale: Bools) -> dict[str, float]:
    """Return coverage and Gini over items on sale (bool[n_items]), novelty and popularity lift."""
    popularity = np.bincount(fold.past.items, minlength=len(on_sale)).astype(np.float64)
    return beyond_accuracy(slates, popularity, listed=on_sale)


def activity_metrics(slates: Ints, fold: Fold) -> dict[str, Any]:
    """Return NDCG@10 of shoppers in thirds by the length of their history."""
    values = ndcg(slates, fold.targets, fold.n_items)
    return {
        name: asdict(bootstrap(values[rows], shoppers=fold.users[rows]))
        for name, rows in thirds(event_counts(fold.profiles))
    }


def ablation(model: HybridModel, fold: Fold, candidates: LabeledCandidates) -> dict[str, float]:
    """Return the loss of NDCG@10 of the ranker without each source's candidates and features; it is not retrained."""
    if model.ranker is None or not len(fold):
        return {}
    rows = evenly_spaced(len(fold), ABLATION_SHOPPERS)
    part, targets = candidates.of_rows(rows), [fold.targets[row] for row in rows.tolist()]
    features = part.features
    baseline = mean_ndcg(slates(part.candidates, model.ranker.scores(features)), targets, fold.n_items)
    losses = {}
    for at, name in enumerate(part.candidates.sources):
        muted_values = {
            **{f"{name}_{kind}": 0.0 for kind in ("score", "after")},
            **{f"{name}_{kind}": np.nan for kind in ("rank", "of_top")},
        }
        features_muted = features.copy()
        for column, feature in enumerate(model.ranker.names):
            if feature in muted_values:
                features_muted[:, column] = muted_values[feature]
            elif feature == SOURCE_COUNT:
                features_muted[:, column] -= ~np.isnan(part.candidates.ranks[:, at])
        is_proposed = np.asarray((~np.isnan(np.delete(part.candidates.ranks, at, axis=1))).any(axis=1), np.bool_)
        muted_slates = slates(part.candidates.part(is_proposed), model.ranker.scores(features_muted[is_proposed]))
        losses[name] = baseline - mean_ndcg(muted_slates, targets, fold.n_items)
    return losses


def latency(model: HybridModel, fold: Fold) -> Mapping[str, float]:
    """Return p50 and p99 of the milliseconds of one slate of ten; {} without questions."""
    durations_ms = [milliseconds(model, fold, row) for row in range(min(MAX_LATENCY_CALLS, len(fold)))]
    if not durations_ms:
        return {}
    return {"p50": float(np.quantile(durations_ms, 0.5)), "p99": float(np.quantile(durations_ms, 0.99))}

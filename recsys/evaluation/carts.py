"""The protocol cart: what else an order holds, given some of its lines, beside tuned peers on the same questions."""

import time
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from recsys.arrays import Doubles, Ints
from recsys.data.dataset import Dataset
from recsys.data.time_split import split_times
from recsys.evaluation.evaluate import Evaluation, Options, recommendations
from recsys.evaluation.peers.carts import cart_peers
from recsys.evaluation.report import metrics_by_targets
from recsys.metrics.intervals import bootstrap, share_better
from recsys.metrics.registry import MAX_CUTOFF, values_with_targets
from recsys.parallel import on_one_thread
from recsys.progress import Progress, part_of, silent
from recsys.ranking.cart_ranker import QUOTAS, cart_candidates, cart_features
from recsys.ranking.item_statistics import ItemStatistics
from recsys.sources.fitting import fit_all
from recsys.sources.scoring import Scoring
from recsys.training.cart_questions import CartFold, cart_questions
from recsys.training.cart_training import MAX_VALIDATION, METRIC, CartTraining, train_cart_ranker
from recsys.training.plan import make_sources
from recsys.training.slates import slate_scores, slates, source_slates

MAX_QUESTIONS = 3_000
"""Carts of the last part that are asked about at most."""
NO_CARTS = "no order of the last part holds two products"


@on_one_thread
def evaluate_carts(dataset: Dataset, options: Options, *, progress: Progress = silent) -> Evaluation:
    """Return the evaluation; products new to the shopper are reported apart. Raises ValueError without questions."""
    started = time.monotonic()
    if options.new_only:
        raise ValueError("--mode new: the protocol cart reports products that are new to the shopper in any case")
    validation_start, test_start, _ = split_times(dataset.clock, options.shares)
    test = cart_questions(dataset, start=test_start, end=np.inf, limit=MAX_QUESTIONS)
    if not len(test):
        raise ValueError(NO_CARTS)
    folds = {"all": test, "new": _new_products(test)}
    training = train_cart_ranker(dataset, {}, end=test_start, seed=options.seed, progress=part_of(progress, 0.0, 0.4))
    progress("Judging on what no model has seen", 0.4)
    sources = fit_all(make_sources(QUOTAS, {}), test.past, test.catalog)
    statistics = ItemStatistics.fit(test.past, test.catalog, until=test.until, rated=False)
    answers: dict[str, dict[str, Ints]] = {}
    scores = np.empty((0, MAX_CUTOFF), np.float32)
    for kind, fold in folds.items():
        answers[kind], own_scores = _own_slates(training, sources, statistics, fold)
        scores = own_scores if kind == "all" else scores
    report: dict[str, Any] = {
        "protocol": "cart",
        "questions": len(test),
        "stage": "ranker" if training.ranker else _best_on_validation(training),
        "validation": dict(training.values),
        "data": dict(dataset.report),
        "ours": _metrics(answers, folds),
        "seconds": time.monotonic() - started,
    }
    if options.with_peers:
        validation = cart_questions(dataset, start=validation_start, end=test_start, limit=MAX_VALIDATION)
        of_peers, tuned = _peer_slates(validation, folds, options, part_of(progress, 0.5, 1.0))
        report["peers"] = _metrics(of_peers, folds)
        report["peer_settings"] = tuned
        report["over_best_peer"] = {
            kind: _difference(answers[kind]["released"], of_peers[kind], fold, options) for kind, fold in folds.items()
        }
    progress("Done", 1.0)
    return Evaluation(report, recommendations(answers["all"]["released"], scores, test, dataset, timed=True))


def _new_products(fold: CartFold) -> CartFold:
    """Return the questions with a right answer outside the history; the answers hold no products of it."""
    discoveries = fold.discoveries()
    assert isinstance(discoveries, CartFold)  # `of_rows` of a fold of carts is one
    return discoveries


def _own_slates(
    training: CartTraining, sources: Mapping[str, Scoring], statistics: ItemStatistics, fold: CartFold
) -> tuple[dict[str, Ints], np.ndarray]:
    """Return the slates of what is released and of each recommender alone, and the scores of the former."""
    candidates = cart_candidates(sources, fold.profiles, fold.contexts, n_items=fold.n_items)
    lists = {name: source_slates(candidates, name) for name in candidates.sources}
    if training.ranker is None:
        best = _best_on_validation(training)
        own = candidates.scores[:, candidates.sources.index(best)]
        return {"released": lists[best], **lists}, slate_scores(candidates, own)
    own = training.ranker.scores(cart_features(candidates, fold.profiles, fold.contexts, statistics))
    return {"released": slates(candidates, own), **lists}, slate_scores(candidates, own)


def _best_on_validation(training: CartTraining) -> str:
    singles = {name: value for name, value in training.values.items() if name != "ranker"}
    return max(sorted(singles), key=singles.__getitem__) if singles else "complements"


def _peer_slates(
    validation: CartFold, folds: Mapping[str, CartFold], options: Options, progress: Progress
) -> tuple[dict[str, dict[str, Ints]], dict[str, Any]]:
    """Return the slates of every peer, tuned on validation, and how it was tuned."""
    classes, settings = cart_peers(), {}
    answers: dict[str, dict[str, Ints]] = {kind: {} for kind in folds}
    for number, peer_class in enumerate(classes):
        progress(f"Tuning {peer_class.name}", number / len(classes))
        started = time.monotonic()
        tuned = peer_class.tuned([validation], budget_s=options.budget_s / len(classes), seed=options.seed)
        peer = peer_class(**tuned.config)
        peer.fit(folds["all"].past, folds["all"].catalog)
        for kind, fold in folds.items():
            answers[kind][peer_class.name] = peer.answer(fold, MAX_CUTOFF)
        settings[peer_class.name] = {
            "config": dict(tuned.config), "validation": tuned.value, "tried": tuned.trials,
            "seconds": time.monotonic() - started,
        }  # fmt: skip
    return answers, settings


def _metrics(answers: Mapping[str, Mapping[str, Ints]], folds: Mapping[str, CartFold]) -> dict[str, Any]:
    """Return all metrics by name and kind of products."""
    return {
        name: {kind: metrics_by_targets(answers[kind][name], fold)["together"] for kind, fold in folds.items()}
        for name in answers["all"]
    }


def _difference(own: Ints, of_peers: Mapping[str, Ints], fold: CartFold, options: Options) -> dict[str, Any]:
    """Return the best peer on these questions, and the released answers against it, question by question."""
    values = {name: _recall(slates, fold) for name, slates in of_peers.items()}
    ours = _recall(own, fold)
    if not len(ours):
        return {}
    best = max(sorted(values), key=lambda name: float(values[name].mean()))
    return {
        "peer": best,
        "metric": f"{METRIC}@10",
        "ratio": float(ours.mean() / values[best].mean()) if values[best].any() else None,
        "difference": asdict(bootstrap(ours - values[best], shoppers=fold.users, seed=options.seed)),
        "chance": share_better(ours, values[best], shoppers=fold.users, seed=options.seed),
    }


def _recall(own: Ints, fold: CartFold) -> Doubles:
    return values_with_targets(own, fold.targets, fold.n_items, metric=METRIC)[1]


def cart_lines(report: Mapping[str, Any]) -> list[str]:
    """Return the lines of the summary for a terminal."""
    lines = [f"cart, {report['questions']} questions: released is {report['stage']}"]
    lines += [f"  validation {name}: recall@10 {value:.4f}" for name, value in report["validation"].items()]
    for group in ("ours", "peers"):
        for name, by_kind in report.get(group, {}).items():
            prefix = "released" if name == "released" else f"{'own' if group == 'ours' else 'peer'} {name}"
            lines.append(f"  {prefix}: recall@10 {_text(by_kind['all'])}; new products {_text(by_kind['new'])}")
    for kind, over in report.get("over_best_peer", {}).items():
        if over:
            times = f" ×{over['ratio']:.3f}" if over["ratio"] is not None else ""
            words = "all products" if kind == "all" else "products new to the shopper"
            lines.append(
                f"  recall@10, {words}: over {over['peer']}{times}, difference {_interval(over['difference'])}"
            )
    return lines


def _text(metrics: Mapping[str, Any]) -> str:
    return _interval(metrics[f"{METRIC}@10"])


def _interval(one: Mapping[str, Any]) -> str:
    return f"{one['value']:.4f} [{one['low']:.4f}, {one['high']:.4f}] n={one['n']}" if one["n"] else "of nobody"

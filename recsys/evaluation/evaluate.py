"""Compares our pipeline with tuned peers on the same questions, with paired bootstrap intervals."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from recsys.arrays import Doubles, Ints, Longs
from recsys.data.dataset import Dataset
from recsys.data.folds import (
    Fold,
    Protocol,
    learning_folds,
    leave_one_out,
    temporal,
    with_nightly_profiles,
)
from recsys.data.time_split import SPLIT_SHARES, split_times
from recsys.data.visits import mixed_questions, next_item, product_page
from recsys.evaluation.newest_baseline import newest_in_last_category
from recsys.evaluation.peers.packaged import peers
from recsys.evaluation.report import metrics_by_targets, released_slates, training_report
from recsys.evaluation.visit_bars import VISIT_BARS, metrics_by_visitor, visit_bars
from recsys.metrics.intervals import bootstrap, share_better
from recsys.metrics.registry import MAX_CUTOFF, values_with_targets
from recsys.parallel import on_one_thread
from recsys.progress import Progress, part_of, silent
from recsys.ranking.candidates import Candidates
from recsys.ranking.model import HybridModel
from recsys.training.ranking_dataset import LabeledCandidates
from recsys.training.slates import single_slates, source_slates
from recsys.training.training import Folds, test_candidates, train_on
from recsys.training.tuning import BAYESIAN, Search

NO_QUESTIONS: Mapping[Protocol, str] = {
    "temporal": "no shopper has rows before the last cut and, of products that count, after it:"
    " --protocol leave-one-out asks for each shopper's last row, --mode repeat also for what they had before",
    "next-item": "no row of the last part, by a shopper with rows before it or within a first visit, is of a product"
    " that counts: --protocol leave-one-out asks for each shopper's last row",
    "product-page": "no visit of the last part views, after a product, another one that counts: --protocol next-item"
    " asks for every event",
    "leave-one-out": "no shopper has two rows, of which the last is of a product that counts (in --mode new, one they"
    " had not before)",
}
WINDOWS: Mapping[Protocol, Callable[..., Fold]] = {
    "temporal": temporal,
    "next-item": next_item,
    "product-page": product_page,
}
"""What asks the questions between two times, by protocol."""
ONLY_SINGLE_ROWS = "no shopper has two rows: there is nothing to hold back"


@dataclass(frozen=True)
class Evaluation:
    """The report as JSON values, and the released model's answers (columns user, rank, item, score).

    Within visits a shopper has several answers; the columns `question` and `time` distinguish them.
    """

    report: Mapping[str, Any]
    recommendations: pd.DataFrame


@dataclass(frozen=True, slots=True)
class Options:
    """The options of an evaluation. `budget_s` is in seconds, once for our tuning and once for all peers together.

    With `new_only` only items new to the shopper count. `search` is the search for our settings, `names` restricts our
    sources (default: all), `exposure` is the strength of the exposure constraint, 0 to 1. With `live` the ranker is
    also trained on questions within visits, as in a running shop; the protocol must then be temporal.
    """

    protocol: Protocol = "temporal"
    new_only: bool = False
    with_peers: bool = False
    budget_s: float = 0.0
    seed: int = 7
    shares: tuple[float, ...] = SPLIT_SHARES
    names: tuple[str, ...] | None = None
    search: Search = BAYESIAN
    exposure: float = 0.0
    live: bool = False
    peer_names: tuple[str, ...] | None = None
    """The peers to compare with; None for all of the protocol."""

    def __post_init__(self) -> None:
        if self.live and self.protocol != "temporal":
            raise ValueError(f"live: teaches the temporal protocol in the middle of visits too, not {self.protocol}")

    @property
    def metric(self) -> str:
        """The metric at 10 of comparisons: hit rate for single targets within visits, else NDCG."""
        return "hit_rate" if self.within_visits else "ndcg"

    @property
    def within_visits(self) -> bool:
        """Whether the protocol asks within visits, for one next item."""
        return self.protocol in VISIT_BARS


@on_one_thread
def evaluate(dataset: Dataset, options: Options, *, progress: Progress = silent) -> Evaluation:
    """Return the evaluation. Raises ValueError where the protocol yields no question."""
    started = time.monotonic()
    removals = [f"{one['reason']} ({one['rows']})" for one in dataset.report.get("removed", []) if one["rows"]]
    removed = "; removed: " + ("; ".join(removals) or "none")
    if not len(dataset):
        raise ValueError("no row is left to learn from" + removed)
    folds = folds_of(dataset, options)
    test = folds.test
    if not len(test):
        only_single_rows = np.bincount(dataset.interactions.users).max() < 2
        raise ValueError(
            (ONLY_SINGLE_ROWS if only_single_rows else NO_QUESTIONS[options.protocol]) + (removed if removals else "")
        )
    training = train_on(
        folds,
        budget_s=options.budget_s,
        seed=options.seed,
        search=options.search,
        names=options.names,
        exposure=options.exposure,
        progress=part_of(progress, 0.0, 0.6),
    )
    progress("Judging on what no model has seen", 0.6)
    model = training.model
    candidates = test_candidates(model, test)
    slates, scores = released_slates(model, candidates)
    report: dict[str, Any] = {
        "protocol": options.protocol,
        "mode": "new" if options.new_only else "repeat",
        "questions": len(test),
        "ours": training_report(training, candidates, dataset, thorough=True),
        "released": metrics_by_targets(slates, test),
        "seconds": time.monotonic() - started,
    }
    report |= _protocol_report(dataset, options, model, test, candidates)
    report |= compare_sources(slates, candidates.candidates, training.plan.single, test, options)
    if options.with_peers:
        if options.live:  # peers are tuned on questions of the protocol
            folds = folds_of(dataset, replace(options, live=False))
        report |= compare_peers(
            slates, [folds.validation, *reversed(folds.learning)], test, dataset, options, part_of(progress, 0.7, 1.0)
        )
    progress("Done", 1.0)
    answers = recommendations(slates, scores, test, dataset, timed=options.within_visits)
    return Evaluation(report, answers)


def folds_of(dataset: Dataset, options: Options) -> Folds:
    """Return the learning, validation and test windows of a protocol."""
    if options.protocol == "leave-one-out":
        windows = [leave_one_out(dataset, back=back, new_only=options.new_only) for back in (2, 1, 0)]
        return Folds(windows[:1], windows[1], windows[2])
    validation, test, share = split_times(dataset.clock, options.shares)
    asked_window = partial(WINDOWS[options.protocol], dataset, new_only=options.new_only)
    learning_window = partial(mixed_questions, dataset, new_only=options.new_only) if options.live else asked_window
    learning = learning_folds(dataset.clock, learning_window, validation=share)
    return Folds(learning, learning_window(start=validation, end=test), asked_window(start=test, end=float("inf")))


def compare_peers(
    slates: Ints, folds: Sequence[Fold], test: Fold, dataset: Dataset, options: Options, progress: Progress
) -> dict[str, Any]:
    """Return the report of every peer, tuned on the folds, and our difference to the best of them."""
    peer_classes, missing = peers(options.protocol)
    if options.peer_names is not None:
        peer_classes = [one for one in peer_classes if one.name in options.peer_names]
    n_tuned = sum(bool(peer_class.space) for peer_class in peer_classes)
    own_values, shoppers = warm_values(slates, test, metric=options.metric)
    report: dict[str, Any] = {}
    values: dict[str, Doubles] = {}
    slates_by_peer: dict[str, Ints] = {}
    for number, peer_class in enumerate(peer_classes):
        progress(f"Tuning {peer_class.name}", number / len(peer_classes))
        started = time.monotonic()
        budget_s = options.budget_s / n_tuned if peer_class.space else 0.0
        tuned = peer_class.tuned(folds, budget_s=budget_s, seed=options.seed)
        peer = peer_class(**tuned.config)
        peer.fit(test.past, test.catalog)
        slates_of_peer = slates_by_peer[peer_class.name] = peer.answer(test, MAX_CUTOFF)
        values[peer_class.name], _ = warm_values(slates_of_peer, test, metric=options.metric)
        report[peer_class.name] = {
            "config": dict(tuned.config),
            "tried": tuned.trials,
            "seconds": time.monotonic() - started,
            **metrics_by_targets(slates_of_peer, test),
        }
    return {
        "peers": report,
        "peers_not_installed": missing,
        **_difference_to_best("peer", own_values, values, shoppers=shoppers, options=options),
        "visit_bars": visit_bars(slates, slates_by_peer, test, protocol=options.protocol, seed=options.seed),
    }


def compare_sources(slates: Ints, candidates: Candidates, single: str, test: Fold, options: Options) -> dict[str, Any]:
    """Return the best single source, and the difference of the released model to it."""
    own_values, shoppers = warm_values(slates, test, metric=options.metric)
    lists = {name: source_slates(candidates, name) for name in candidates.sources}
    lists["single"] = single_slates(candidates, single)
    values = {name: warm_values(own_slates, test, metric=options.metric)[0] for name, own_slates in lists.items()}
    return _difference_to_best("source", own_values, values, shoppers=shoppers, options=options)


def _difference_to_best(
    kind: str, own_values: Doubles, values: Mapping[str, Doubles], *, shoppers: Longs, options: Options
) -> dict[str, Any]:
    if not len(own_values):
        return {}  # no warm target
    best = max(sorted(values), key=lambda name: float(values[name].mean()))
    return {
        f"best_{kind}": best,
        f"over_best_{kind}": {
            "metric": f"{options.metric}@10 on warm targets",
            "ratio": float(own_values.mean() / values[best].mean()) if values[best].any() else None,
            "difference": asdict(bootstrap(own_values - values[best], shoppers=shoppers, seed=options.seed)),
            "chance": share_better(own_values, values[best], shoppers=shoppers, seed=options.seed),
        },
    }


def warm_values(slates: Ints, fold: Fold, *, metric: str) -> tuple[Doubles, Longs]:
    """Return float64[n], a metric at 10 on warm targets for each question that has any, and int64[n], its shopper."""
    answered, values = values_with_targets(slates, fold.warm_targets(), fold.n_items, metric=metric)
    return values, fold.users[answered]


def _protocol_report(
    dataset: Dataset, options: Options, model: HybridModel, test: Fold, candidates: LabeledCandidates
) -> dict[str, Any]:
    """Return the parts of the report that depend on the data and the protocol.

    `appeared_later` counts shoppers whose targets appeared after the cut. With categories, `newest_in_last_category` is
    a baseline for new products, and `cold_alone` the released model restricted to them. For next-item,
    `frozen_profile` is the released model with profiles as of the cut. Within visits, `visitors` has the released
    model's metrics of known shoppers and of new ones.
    """
    report: dict[str, Any] = {}
    is_later = dataset.catalog.appeared_after(test.until)
    if is_later.any():
        users_with_later = test.users[[bool(is_later[own].any()) for own in test.cold_targets()]]
        report["appeared_later"] = {
            "questions": len(users_with_later),
            "shoppers": len(np.unique(users_with_later)),
            "products": int(is_later.sum()),
        }
    if dataset.catalog.categories:
        newest = newest_in_last_category(model.statistics, test, k=MAX_CUTOFF)
        report["newest_in_last_category"] = metrics_by_targets(newest, test)
        cold_slates, _ = released_slates(model, candidates, among=~test.warm())
        report["cold_alone"] = metrics_by_targets(cold_slates, test)
    if options.within_visits:
        report["visitors"] = metrics_by_visitor(released_slates(model, candidates)[0], test)
    if options.protocol == "next-item":
        frozen_fold = with_nightly_profiles(test)
        frozen_slates, _ = released_slates(model, test_candidates(model, frozen_fold))
        report["frozen_profile"] = metrics_by_targets(frozen_slates, frozen_fold)
    return report


def recommendations(
    slates: Ints, scores: np.ndarray, fold: Fold, dataset: Dataset, *, timed: bool = False
) -> pd.DataFrame:
    """Return the slates as rows (user, rank from 1, item, score); with `timed` also the question's number and time."""
    rows, places = np.nonzero(slates >= 0)
    ids = np.asarray(dataset.catalog.item_ids, dtype=object)
    users = np.asarray(dataset.user_ids, dtype=object)
    frame = pd.DataFrame(
        {
            "user": users[fold.users[rows]],
            "rank": places + 1,
            "item": ids[slates[rows, places]],
            "score": scores[rows, places],
        }
    )
    return frame.assign(question=rows, time=np.array([one.now for one in fold.profiles])[rows]) if timed else frame

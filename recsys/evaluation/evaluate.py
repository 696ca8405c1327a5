"""One honest comparison: our pipeline and tuned peers on the same questions, with paired bootstrap intervals."""

import time
from collections.abc import Mapping, Sequence
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
    mixed_questions,
    next_item,
    temporal,
    with_nightly_profiles,
)
from recsys.data.time_split import SPLIT_SHARES, split_times
from recsys.evaluation.newest_baseline import newest_in_last_category
from recsys.evaluation.peers.packaged import peers
from recsys.evaluation.report import judged, released_slates, training_report
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

NOTHING_ASKED: Mapping[Protocol, str] = {
    "temporal": "no shopper has rows before the last cut and, of products that count, after it:"
    " --protocol leave-one-out asks for each shopper's last row, --mode repeat also for what they had before",
    "next-item": "no row of the last part, by a shopper with rows before it, is of a product that counts:"
    " --protocol leave-one-out asks for each shopper's last row",
    "leave-one-out": "no shopper has two rows, of which the last is of a product that counts (in --mode new, one they"
    " had not before)",
}
SINGLE_ROWS = "no shopper has two rows: there is nothing to hold back"


@dataclass(frozen=True)
class Evaluation:
    """What was found, as JSON values, and the released model's answers (columns user, rank, item, score).

    Where a shopper may be asked several times (next-item), columns `question` and `time` tell the answers apart.
    """

    report: Mapping[str, Any]
    recommendations: pd.DataFrame


@dataclass(frozen=True, slots=True)
class Options:
    """What to compare: protocol, whether only items new to the shopper count, peers or not, seconds for each side.

    `search` is how our settings are searched for; `names` narrows our sources (default: all); `exposure` is how
    strongly over-exposed items are held back, 0 to 1. With `live` the ranker is taught in the middle of visits too, as
    a running shop's is; the protocol must then be temporal.
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

    def __post_init__(self) -> None:
        if self.live and self.protocol != "temporal":
            raise ValueError(f"live: teaches the temporal protocol in the middle of visits too, not {self.protocol}")

    @property
    def metric(self) -> str:
        """What lists are compared by, of the first ten: whether they hold the next item, else NDCG."""
        return "hit_rate" if self.protocol == "next-item" else "ndcg"


@on_one_thread
def evaluate(dataset: Dataset, options: Options, *, progress: Progress = silent) -> Evaluation:
    """Return the comparison. The budget is what our tuning gets, and what all peers together get.

    Raises ValueError where the protocol finds nothing to ask.
    """
    started = time.monotonic()
    taken = [f"{one['reason']} ({one['rows']})" for one in dataset.report.get("removed", []) if one["rows"]]
    removed = "; removed: " + ("; ".join(taken) or "none")
    if not len(dataset):
        raise ValueError("no row is left to learn from" + removed)
    folds = folds_of(dataset, options)
    test = folds.test
    if not len(test):
        single = np.bincount(dataset.interactions.users).max() < 2
        raise ValueError((SINGLE_ROWS if single else NOTHING_ASKED[options.protocol]) + (removed if taken else ""))
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
        "released": judged(slates, test),
        "seconds": time.monotonic() - started,
    }
    report |= _beside(dataset, options, model, test, candidates)
    report |= over_sources(slates, candidates.candidates, training.plan.single, test, options)
    if options.with_peers:
        if options.live:  # peers are tuned on what is asked
            folds = folds_of(dataset, replace(options, live=False))
        report |= compared(
            slates, [folds.validation, *reversed(folds.learning)], test, dataset, options, part_of(progress, 0.7, 1.0)
        )
    progress("Done", 1.0)
    answers = recommendations(slates, scores, test, dataset, timed=options.protocol == "next-item")
    return Evaluation(report, answers)


def folds_of(dataset: Dataset, options: Options) -> Folds:
    """Return the windows of a protocol."""
    if options.protocol == "leave-one-out":
        made = [leave_one_out(dataset, back=back, new_only=options.new_only) for back in (2, 1, 0)]
        return Folds(made[:1], made[1], made[2])
    validation, test, share = split_times(dataset.clock, options.shares)
    judged = partial(next_item if options.protocol == "next-item" else temporal, dataset, new_only=options.new_only)
    taught = partial(mixed_questions, dataset, new_only=options.new_only) if options.live else judged
    learning = learning_folds(dataset.clock, taught, validation=share)
    return Folds(learning, taught(start=validation, end=test), judged(start=test, end=float("inf")))


def compared(
    slates: Ints, folds: Sequence[Fold], test: Fold, dataset: Dataset, options: Options, progress: Progress
) -> dict[str, Any]:
    """Return every peer, tuned on the folds' questions, and the difference to the best of them."""
    kinds, missing = peers(options.protocol)
    searched = sum(bool(kind.space) for kind in kinds)
    mine, shoppers = warm_values(slates, test, metric=options.metric)
    report: dict[str, Any] = {}
    values: dict[str, Doubles] = {}
    for at, kind in enumerate(kinds):
        progress(f"Tuning {kind.name}", at / len(kinds))
        begun = time.monotonic()
        own = options.budget_s / searched if kind.space else 0.0
        tuned = kind.tuned(folds, budget_s=own, seed=options.seed)
        peer = kind(**tuned.config)
        peer.fit(test.past, test.catalog)
        answer = peer.answer(test, MAX_CUTOFF)
        values[kind.name], _ = warm_values(answer, test, metric=options.metric)
        report[kind.name] = {
            "config": dict(tuned.config),
            "tried": tuned.trials,
            "seconds": time.monotonic() - begun,
            **judged(answer, test),
        }
    return {
        "peers": report,
        "peers_not_installed": missing,
        **_over_best("peer", mine, values, shoppers=shoppers, options=options),
    }


def over_sources(slates: Ints, candidates: Candidates, single: str, test: Fold, options: Options) -> dict[str, Any]:
    """Return which of our own sources finds most by itself, and the difference of what is released to it."""
    mine, shoppers = warm_values(slates, test, metric=options.metric)
    lists = {name: source_slates(candidates, name) for name in candidates.sources}
    lists["single"] = single_slates(candidates, single)
    values = {name: warm_values(found, test, metric=options.metric)[0] for name, found in lists.items()}
    return _over_best("source", mine, values, shoppers=shoppers, options=options)


def _over_best(
    kind: str, mine: Doubles, values: Mapping[str, Doubles], *, shoppers: Longs, options: Options
) -> dict[str, Any]:
    if not len(mine):
        return {}  # no target that models could know
    best = max(sorted(values), key=lambda name: float(values[name].mean()))
    return {
        f"best_{kind}": best,
        f"over_best_{kind}": {
            "metric": f"{options.metric}@10 on warm targets",
            "ratio": float(mine.mean() / values[best].mean()) if values[best].any() else None,
            "difference": asdict(bootstrap(mine - values[best], shoppers=shoppers, seed=options.seed)),
            "chance": share_better(mine, values[best], shoppers=shoppers, seed=options.seed),
        },
    }


def warm_values(slates: Ints, fold: Fold, *, metric: str) -> tuple[Doubles, Longs]:
    """Return a metric at 10 of each question that has a warm target, counting these only, and whose question it is."""
    asked, values = values_with_targets(slates, fold.warm_targets(), fold.n_items, metric=metric)
    return values, fold.users[asked]


def _beside(
    dataset: Dataset, options: Options, model: HybridModel, test: Fold, candidates: LabeledCandidates
) -> dict[str, Any]:
    """Return what belongs to the data and the protocol: how many wanted what appeared only after the cut; the newest of
    the last category and, beside its slates full of new products, the released model's order of these alone; the frozen
    profile."""
    report: dict[str, Any] = {}
    later = dataset.catalog.appeared_after(test.until)
    if later.any():
        wanting = test.users[[bool(later[own].any()) for own in test.cold_targets()]]
        report["appeared_later"] = {
            "questions": len(wanting),
            "shoppers": len(np.unique(wanting)),
            "products": int(later.sum()),
        }
    if dataset.catalog.categories:
        newest = newest_in_last_category(model.statistics, test, k=MAX_CUTOFF)
        report["newest_in_last_category"] = judged(newest, test)
        alone, _ = released_slates(model, candidates, among=~test.warm())
        report["cold_alone"] = judged(alone, test)
    if options.protocol == "next-item":
        still = with_nightly_profiles(test)
        answer, _ = released_slates(model, test_candidates(model, still))
        report["frozen_profile"] = judged(answer, still)
    return report


def recommendations(
    slates: Ints, scores: np.ndarray, fold: Fold, dataset: Dataset, *, timed: bool = False
) -> pd.DataFrame:
    """Return the slates as rows (user, rank from 1, item, score); if `timed`, with the question's number and time."""
    rows, places = np.nonzero(slates >= 0)
    ids = np.asarray(dataset.catalog.item_ids, dtype=object)
    users = np.asarray(dataset.user_ids, dtype=object)
    found = pd.DataFrame(
        {
            "user": users[fold.users[rows]],
            "rank": places + 1,
            "item": ids[slates[rows, places]],
            "score": scores[rows, places],
        }
    )
    return found.assign(question=rows, time=np.array([one.now for one in fold.profiles])[rows]) if timed else found

"""Trains the ranker of carts on past orders, and keeps it where validation supports it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from recsys.arrays import Doubles
from recsys.data.dataset import Dataset
from recsys.data.time_split import cut_times
from recsys.metrics.registry import values_with_targets
from recsys.progress import Progress, silent
from recsys.ranking.cart_ranker import CART_FEATURE_NAMES, QUOTAS, cart_candidates, cart_features
from recsys.ranking.item_statistics import ItemStatistics
from recsys.ranking.ranker import Ranker, train_trees
from recsys.sources.fitting import fit_all
from recsys.training.cart_questions import CartFold, cart_questions
from recsys.training.plan import Member, make_sources
from recsys.training.ranking_dataset import LabeledCandidates, concatenate, has_contrast, label
from recsys.training.refit import GROWTH, fit_ranker
from recsys.training.slates import slates, source_slates

METRIC = "recall"
"""The metric at 10 that decides: the share of the other lines that a shopper is shown."""
VALIDATION, LEARNING = 0.85, (0.70, 0.55, 0.40, 0.25)
"""Starts of the validation window and of the learning windows, as shares of all rows; a window ends where the next one
starts."""
ENOUGH_QUESTIONS = 2_000
"""With fewer questions, earlier windows are added."""
MIN_QUESTIONS = 100
"""With fewer questions of validation no ranker is trained."""
MAX_LEARNING, MAX_VALIDATION = 3_000, 1_500
"""Questions of a window at most."""
PARAMS: Mapping[str, Any] = {"num_leaves": 15, "learning_rate": 0.075}
MAX_ROUNDS, PATIENCE = 300, 50


@dataclass(frozen=True)
class CartTraining:
    """The ranker, None where validation does not support it, and recall@10 on `questions` questions of validation.

    `values` holds the ranker, as "ranker", and each recommender alone.
    """

    ranker: Ranker | None = None
    questions: int = 0
    values: Mapping[str, float] = field(default_factory=dict)

    def json(self) -> dict[str, Any]:
        """Return what the manifest says of it."""
        return {"questions": self.questions, "validation": dict(self.values), "released": self.ranker is not None}


def train_cart_ranker(
    dataset: Dataset,
    configs: Mapping[str, Mapping[str, Any]],
    *,
    end: float = np.inf,
    max_events: int | None = None,
    seed: int = 7,
    progress: Progress = silent,
) -> CartTraining:
    """Return the ranker that learned on the orders before `end`, in seconds; `configs` are settings of recommenders."""
    times = dataset.interactions.times
    times = times[: int(np.searchsorted(times, end))]
    if not len(times):
        return CartTraining()
    starts = cut_times(times, (VALIDATION, *LEARNING))
    validation = cart_questions(dataset, start=starts[0], end=end, limit=MAX_VALIDATION, max_events=max_events)
    if len(validation) < MIN_QUESTIONS:
        return CartTraining(questions=len(validation))
    folds: list[CartFold] = []
    for start, stop in zip(starts[1:], starts, strict=False):
        if sum(map(len, folds)) < ENOUGH_QUESTIONS and start < stop:
            folds.append(cart_questions(dataset, start=start, end=stop, limit=MAX_LEARNING, max_events=max_events))
    progress("Learning from carts", 0.0)
    learning = [_labeled(fold, configs).dataset(seed=seed) for fold in reversed(folds) if len(fold)]
    candidates = _labeled(validation, configs)
    progress("Training the ranker of carts", 0.6)
    train_set, stop_set = concatenate(learning) if learning else None, candidates.dataset(seed=seed)
    if train_set is None or not (has_contrast(train_set.labels) and has_contrast(stop_set.labels)):
        return CartTraining(questions=len(validation))
    trees = train_trees(
        train_set, PARAMS, CART_FEATURE_NAMES, rounds=MAX_ROUNDS, seed=seed, stop_on=stop_set, patience=PATIENCE
    )
    values = _values(candidates, validation, trees.scores(candidates.features))
    best = max(value for name, value in values.items() if name != "ranker")
    ranker = None
    if values["ranker"] > best:
        members: Sequence[Member] = ((PARAMS, max(1, trees.rounds)),)
        ranker = fit_ranker(members, concatenate([*learning, stop_set]), CART_FEATURE_NAMES, seed=seed, growth=GROWTH)
    return CartTraining(ranker, len(validation), values)


def _labeled(fold: CartFold, configs: Mapping[str, Mapping[str, Any]]) -> LabeledCandidates:
    """Return the candidates of a fold, of sources fitted on its past."""
    sources = fit_all(make_sources(QUOTAS, configs), fold.past, fold.catalog)
    statistics = ItemStatistics.fit(fold.past, fold.catalog, until=fold.until, rated=False)
    candidates = cart_candidates(sources, fold.profiles, fold.contexts, n_items=fold.n_items)
    features = cart_features(candidates, fold.profiles, fold.contexts, statistics)
    return LabeledCandidates(candidates, features, label(candidates, fold.targets, fold.n_items))


def _values(candidates: LabeledCandidates, fold: CartFold, scores: Doubles) -> dict[str, float]:
    """Return the mean recall@10 of the ranker and of each recommender alone."""
    lists = {name: source_slates(candidates.candidates, name) for name in candidates.candidates.sources}
    lists["ranker"] = slates(candidates.candidates, scores.astype(np.float32))
    return {
        name: float(values_with_targets(own, fold.targets, fold.n_items, metric=METRIC)[1].mean())
        for name, own in lists.items()
    }

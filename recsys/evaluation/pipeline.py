"""From a dataset to a judged bundle: choose on validation, refit, judge on what no model saw, refit on everything."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from recsys.arrays import Longs
from recsys.data.catalogue import NUMBERS, TEXTS
from recsys.data.dataset import Dataset
from recsys.data.deep_features import forget
from recsys.data.folds import (
    Fold,
    in_the_middle,
    learning_folds,
    lived,
    temporal,
)
from recsys.data.opinions import ratings_differ
from recsys.data.time_split import starts
from recsys.evaluation.report import judged_report
from recsys.parallel import on_one_thread
from recsys.progress import Progress, part_of, silent
from recsys.ranking.model import EVENT_WEIGHTS, Bundle
from recsys.ranking.ranker import Judged
from recsys.training.champion_refit import refitted
from recsys.training.model_selection import Choice, choose, columns_of
from recsys.training.plan import Plan
from recsys.training.ranking_dataset import (
    LEARNT_ROWS,
    Examples,
    examples,
    limited,
    thin_examples,
)
from recsys.training.rating_errors import worth_telling
from recsys.training.refit import release
from recsys.training.tuning import BAYESIAN, Search

LEAST_INTERACTIONS = 20
OWN_SHARE = 0.8
"""The share at which a training is done with what is its own, where the champion's plan is fitted too."""
REPEATING = 0.05
"""Where at least this share of what known shoppers take are things they had before, those are recommended too."""


@dataclass(frozen=True)
class TrainedBundle:
    """The bundle fitted on all data, and the report of the same plan on the last 15 %, which it had not seen.

    `tested` is the bundle that was judged, `test` the questions it was judged on, `rival` the champion's plan fitted on
    the same past, where a champion was named.
    """

    bundle: Bundle
    report: Mapping[str, Any]
    tested: Bundle
    test: Fold
    rival: Bundle | None = None


@on_one_thread
def train(
    dataset: Dataset,
    *,
    budget_s: float = 0.0,
    seed: int = 7,
    search: Search = BAYESIAN,
    progress: Progress = silent,
    newest: int | None = None,
    rival: Plan | None = None,
    names: Sequence[str] | None = None,
    exposure: float = 0.0,
) -> TrainedBundle:
    """Return a bundle and its report; `rival` is the plan of the champion that the bundle must not be worse than.

    `budget_s` is spent on tuning as `search` says; without one, the outcome depends on data and seed alone. `newest` is
    how many events of a kind a live profile holds at most, where it is bounded; `names` narrows the sources; `exposure`
    is how strongly over-exposed items are held back, 0 to 1. Raises ValueError where there is too little to hold any
    back.
    """
    rows = dataset.interactions
    if len(rows) < LEAST_INTERACTIONS:
        raise ValueError(f"at least {LEAST_INTERACTIONS} interactions are needed to hold some back for judging")
    forget()
    whole, progress = progress, part_of(progress, 0.0, OWN_SHARE if rival else 1.0)
    learning, validation, test = _folds(dataset, newest=newest)
    choice, tested = chosen(
        learning,
        validation,
        test,
        budget_s=budget_s,
        seed=seed,
        search=replace(search, held=rival.configs) if rival else search,
        names=names,
        exposure=exposure,
        newest=newest,
        progress=part_of(progress, 0.0, 0.7),
    )
    progress("Judging on what no model has seen", 0.7)
    report, learnt = _judged_on_test(tested, test, choice, dataset, newest=newest, seed=seed)
    bundle = release(
        choice.plan,
        rows,
        dataset.catalogue,
        until=float(rows.times[-1]),
        learnt=learnt,
        unranked=True,
        exposure=choice.exposure,
        manifest={
            "data": fingerprint(dataset),
            "seed": seed,
            "shoppers": len(dataset.user_ids),
            EVENT_WEIGHTS: dict(dataset.weights),
            "tells_stars": worth_telling(report["rmse"]),
            "ratings_differ": ratings_differ(rows),
        },
        newest=newest,
        progress=part_of(progress, 0.8, 1.0),
    )
    del choice, learnt  # a quarter of a gigabyte, and what the rival learns from takes as much
    held = None
    if rival:
        told = part_of(whole, OWN_SHARE, 1.0)
        held = refitted(rival, [*learning, validation], test, beside=tested, newest=newest, progress=told)
    whole("Done", 1.0)
    return TrainedBundle(bundle, report, tested, test, held)


def chosen(
    learning: Sequence[Fold],
    validation: Fold,
    test: Fold,
    *,
    progress: Progress,
    budget_s: float = 0.0,
    seed: int = 7,
    search: Search = BAYESIAN,
    names: Sequence[str] | None = None,
    exposure: float = 0.0,
    newest: int | None = None,
) -> tuple[Choice, Bundle]:
    """Return what validation chose, and the bundle of it that the test is to judge: fitted on all before the test.

    Trainings and evaluations go through here alike; the arguments are those of `train`.
    """
    choice = choose(
        learning,
        validation,
        budget_s=budget_s,
        seed=seed,
        progress=part_of(progress, 0.0, 0.7),
        search=search,
        names=names,
        exposure=exposure,
    )
    bundle = release(
        choice.plan,
        test.past,
        test.catalogue,
        until=test.until,
        learnt=choice.learnt,
        exposure=choice.exposure,
        newest=newest,
        progress=part_of(progress, 0.7, 1.0),
    )
    return choice, bundle


def _judged_on_test(
    tested: Bundle, test: Fold, choice: Choice, dataset: Dataset, *, newest: int | None, seed: int
) -> tuple[dict[str, Any], list[Judged]]:
    """Return the report on the held-out window, and what the released ranker learns from, that window included."""
    asked = asked_of(tested, test)
    report = judged_report(tested, test, asked, choice, dataset, newest=newest)
    asked = asked.thinned(seed=seed)  # else half a gigabyte where a shop is large
    middle = in_the_middle(test, dataset, end=float("inf"), newest=newest)
    live = thin_examples(tested.heard, tested.facts, middle, quotas=tested.quotas, seed=seed)
    return report, _window(choice.learnt, [asked, live], columns_of(choice.plan))


def _window(learnt: Sequence[Judged], newest: Sequence[Examples], columns: Longs) -> list[Judged]:
    """Return what the released ranker learns from: the newest fold too, the oldest cut where it would be too much."""
    found = [part.judged(columns) for part in limited(newest, rows=LEARNT_ROWS // max(1, len(learnt)))]
    for one in reversed(learnt):
        room = LEARNT_ROWS - sum(len(kept.labels) for kept in found)
        found.append(one.some(len(one.groups) * max(0, room) // max(1, len(one.labels))))
    return [one for one in reversed(found) if len(one.labels)]


def asked_of(bundle: Bundle, fold: Fold) -> Examples:
    """Return the candidates of a bundle for a fold's questions, with features and labels."""
    return examples(bundle.heard, bundle.facts, fold, quotas=bundle.quotas)


def fingerprint(dataset: Dataset) -> str:
    """Return a SHA-256 over all that is learnt from."""
    rows, catalogue = dataset.interactions, dataset.catalogue
    digest = hashlib.sha256()
    for names in (catalogue.item_ids, *(getattr(catalogue, column) for column in TEXTS)):
        digest.update(json.dumps(names).encode())
    for lists in (catalogue.attributes, rows.shoppers):
        digest.update(json.dumps(lists).encode())
    numbers = [getattr(catalogue, column) for column in NUMBERS]
    for column in (*rows.columns.values(), *numbers):
        digest.update(b"" if column is None else np.ascontiguousarray(column).tobytes())
    digest.update(b"stated" * rows.stated)
    return digest.hexdigest()


def _folds(dataset: Dataset, *, newest: int | None) -> tuple[list[Fold], Fold, Fold]:
    times = dataset.interactions.times
    validation, test, share = starts(times)
    new_only = not _repeats(dataset, validation, test)
    taught = partial(lived, dataset, new_only=new_only, newest=newest)
    learning = learning_folds(times, taught, validation=share)
    judged = temporal(dataset, start=test, end=float("inf"), new_only=new_only, newest=newest)
    return learning, taught(start=validation, end=test), judged


def _repeats(dataset: Dataset, start: float, end: float) -> bool:
    """Return whether shoppers take again, between two moments, what they had before."""
    window = temporal(dataset, start=start, end=end, new_only=False, limit=2_000)
    again = sum(int(np.isin(own, one.items).sum()) for own, one in zip(window.targets, window.profiles, strict=True))
    taken = sum(map(len, window.targets))
    return taken > 0 and again / taken >= REPEATING

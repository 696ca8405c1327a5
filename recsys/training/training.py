"""Training, from a dataset to a model: windows, settings, candidates, features, mean of two models, model selection.

The ranker learns in windows before validation and is judged on validation; what earned its stage is fitted again on all
before the test window. The report, the model checks and the last refit on everything are the caller's.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from recsys.data.dataset import Dataset, fingerprint
from recsys.data.deep_features import clear_cache
from recsys.data.folds import MAX_QUESTIONS, Fold, learning_folds, temporal
from recsys.data.opinions import ratings_differ
from recsys.data.time_split import split_times
from recsys.data.visits import mid_session_questions, mixed_questions
from recsys.metrics.intervals import share_better
from recsys.parallel import on_one_thread, run_parallel
from recsys.progress import Progress, part_of, silent
from recsys.ranking.candidates import gather
from recsys.ranking.exposure_constraint import ExposureConstraint
from recsys.ranking.features import feature_names
from recsys.ranking.item_statistics import ItemStatistics
from recsys.ranking.model import EVENT_WEIGHTS, HybridModel
from recsys.ranking.network import Network
from recsys.ranking.ranker import NETWORK, SOURCE, Ranker, RankingDataset, train_trees
from recsys.sources.fitting import fit_all
from recsys.sources.registry import RECOMMENDERS
from recsys.training.candidate_quotas import DEPTH, recall, tuned_quotas
from recsys.training.cart_training import train_cart_ranker
from recsys.training.model_selection import Selection, best_singles, select_model
from recsys.training.plan import Member, Plan, make_sources, ranked_sources
from recsys.training.ranking_dataset import (
    MAX_ROWS,
    NEGATIVES,
    LabeledCandidates,
    concatenate,
    has_contrast,
    label,
    label_candidates,
    ranking_dataset,
)
from recsys.training.refit import refit
from recsys.training.slates import blend_slates, slates
from recsys.training.source_settings import HALF_LIVES, SourceSettings, common_half_life, suggested_settings
from recsys.training.tuning import BAYESIAN, Search, tune

MIN_INTERACTIONS = 20
REPEAT_SHARE = 0.05
"""Where at least this share of what known shoppers take are things they had before, those are recommended too."""
QUOTA_QUESTIONS = 500
"""Questions that the number of candidates of each source is chosen on."""

LAMBDAMART: Mapping[str, Any] = {"num_leaves": 15, "learning_rate": 0.075}
MAX_ROUNDS, PATIENCE, MIN_ROUNDS = 200, 67, 10
"""Trees at most, rounds without gain on validation before it stops, and trees in any case."""
TUNED_EARNS = 0.95
"""How sure the paired bootstrap must be that tuned settings are better than those that need no search.

New groceries, 100 s of search: ahead on validation by .0008 (.0918 and .0910), behind on the next window by .0020.
"""
NETWORK_STEPS = 4_000
"""Four epochs of half a million rows."""


@dataclass(frozen=True)
class Folds:
    """The windows that rankers learn in, oldest first, the one that decides, and the one that judges."""

    learning: Sequence[Fold]
    validation: Fold
    test: Fold


@dataclass(frozen=True)
class Training:
    """What a training decided and fitted.

    `model` is fitted on all before the test window; `datasets` are what its ranker learned from, oldest first;
    `settings` the settings of each source; `recall` the share of validation's targets that candidates hold.
    """

    plan: Plan
    selection: Selection
    settings: Mapping[str, SourceSettings]
    recall: float
    folds: Folds
    datasets: Sequence[RankingDataset]
    model: HybridModel


@on_one_thread
def train(
    dataset: Dataset,
    *,
    names: Sequence[str] | None = None,
    budget_s: float = 0.0,
    search: Search = BAYESIAN,
    seed: int = 7,
    exposure: float = 0.0,
    max_events: int | None = None,
    progress: Progress = silent,
) -> Training:
    """Return a training of a shop's whole history.

    `names` narrows the sources; `budget_s` is spent on a search for settings as `search` says: without one, the outcome
    depends on data and seed alone. `exposure` is how strongly over-exposed items are held back, 0 to 1; `max_events`
    how many events of a kind a live profile holds. Raises ValueError where there is too little to hold any back.
    """
    if len(dataset.interactions) < MIN_INTERACTIONS:
        raise ValueError(f"at least {MIN_INTERACTIONS} interactions are needed to hold some back for judging")
    folds = split(dataset, max_events=max_events)
    return train_on(
        folds, names=names, budget_s=budget_s, search=search, seed=seed, exposure=exposure, progress=progress
    )


def train_on(
    folds: Folds,
    *,
    names: Sequence[str] | None = None,
    budget_s: float = 0.0,
    search: Search = BAYESIAN,
    seed: int = 7,
    exposure: float = 0.0,
    progress: Progress = silent,
) -> Training:
    """Return a training on given windows; arguments as in `train`."""
    clear_cache()
    search.opened()  # raises before anything is fitted
    names = tuple(names or ranked_sources())
    validation, test = folds.validation, folds.test

    suggested = suggest_settings(names, folds, search, seed=seed, progress=part_of(progress, 0.0, 0.25))
    best = fit_hybrid(suggested, folds, seed=seed, progress=part_of(progress, 0.25, 0.7))
    if budget_s > 0:
        tuned = tune_settings(
            suggested, folds, search, budget_s=budget_s, seed=seed, progress=part_of(progress, 0.25, 0.5)
        )
        challenger = fit_hybrid(tuned, folds, seed=seed, progress=part_of(progress, 0.5, 0.7))
        best = challenger if is_surely_better(challenger, best, validation, seed=seed) else best

    plan = best.plan(new_only=validation.new_only, seed=seed, exposure=exposure)
    datasets = [*best.datasets, best.validation.dataset(seed=seed)]
    exposure_constraint = _exposure(plan, best, validation)
    candidate_recall = recall(validation.targets, best.validation.labels)
    selection, settings = best.selection, best.settings
    del best  # the features of all candidates of validation are half a gigabyte
    model = refit(
        plan,
        test.past,
        test.catalog,
        datasets,
        until=test.until,
        exposure=exposure_constraint,
        progress=part_of(progress, 0.7, 1.0),
    )
    return Training(plan, selection, settings, candidate_recall, folds, datasets, model)


def test_candidates(model: HybridModel, test: Fold) -> LabeledCandidates:
    """Return the candidates of a model for the test window's questions: the report is made of them."""
    return label_candidates(model.ranker_sources, model.statistics, test, quotas=model.quotas)


def refit_on_all(
    training: Training,
    dataset: Dataset,
    test_dataset: RankingDataset,
    *,
    manifest: Mapping[str, Any],
    max_events: int | None = None,
    progress: Progress = silent,
) -> HybridModel:
    """Return the training's plan fitted on everything, the test window included: what is released.

    `test_dataset` is made of the candidates of the test window's questions.
    """
    model, test, seed = training.model, training.folds.test, training.plan.seed
    live = mid_session_questions(test, dataset, end=float("inf"), max_events=max_events)
    newest = ranking_dataset(model.ranker_sources, model.statistics, live, quotas=model.quotas, seed=seed)
    rows = dataset.interactions
    cart = train_cart_ranker(
        dataset, training.plan.configs, max_events=max_events, seed=seed, progress=part_of(progress, 0.0, 0.4)
    )
    released = refit(
        training.plan,
        rows,
        dataset.catalog,
        [*training.datasets, test_dataset, newest],
        until=float(rows.times[-1]),
        exposure=model.exposure,
        unranked=True,
        manifest={
            "data": fingerprint(dataset),
            "seed": seed,
            "shoppers": len(dataset.user_ids),
            EVENT_WEIGHTS: dict(dataset.weights),
            "ratings_differ": ratings_differ(rows),
            "cart": cart.json(),
            **manifest,
        },
        progress=part_of(progress, 0.4, 1.0),
    )
    return replace(released, cart_ranker=cart.ranker)


def split(dataset: Dataset, *, max_events: int | None) -> Folds:
    """Return the windows of a shop's history; learning and validation also ask in the middle of visits (ADR 18)."""
    times = dataset.interactions.times
    validation, test, share = split_times(times)
    new_only = not _repeats(dataset, validation, test)
    mixed = partial(mixed_questions, dataset, new_only=new_only, max_events=max_events)
    return Folds(
        learning=learning_folds(times, mixed, validation=share),
        validation=mixed(start=validation, end=test),
        test=temporal(dataset, start=test, end=float("inf"), new_only=new_only, max_events=max_events),
    )


@dataclass(frozen=True)
class Hybrid:
    """Sources with their settings, the ranker's members, and what validation says of them."""

    settings: Mapping[str, SourceSettings]
    quotas: Mapping[str, int]
    datasets: Sequence[RankingDataset]
    validation: LabeledCandidates
    members: Sequence[Member]
    scores: np.ndarray | None
    selection: Selection

    def plan(self, *, new_only: bool, seed: int, exposure: float = 0.0) -> Plan:
        """Return what a refit needs to know of it."""
        return Plan(
            configs={name: dict(one.config) for name, one in self.settings.items()},
            quotas=self.quotas,
            blend=self.selection.blend,
            single=self.selection.single,
            stage=self.selection.stage,
            members=self.members,
            new_only=new_only,
            seed=seed,
            exposure=exposure,
        )


def is_surely_better(challenger: Hybrid, best: Hybrid, validation: Fold, *, seed: int) -> bool:
    """Return whether tuned settings are released: tuning looks at validation, so it is ahead there by luck too."""
    values, others = challenger.selection.values, best.selection.values
    return share_better(values, others, shoppers=validation.users, seed=seed) >= TUNED_EARNS


def fit_hybrid(settings: Mapping[str, SourceSettings], folds: Folds, *, seed: int, progress: Progress) -> Hybrid:
    """Return the candidates and rankers that come of some settings, judged on validation."""
    configs = {name: one.config for name, one in settings.items()}
    progress("Choosing candidates", 0.0)
    latest = folds.learning[-1]
    sources = fit_all(make_sources(configs, configs), latest.past, latest.catalog)
    quotas, learnable = _quotas(sources, latest, seed=seed)
    questions = min(
        MAX_QUESTIONS, int(np.ceil(MAX_ROWS / (len(folds.learning) + 1) / NEGATIVES / max(learnable, 0.01)))
    )

    datasets: list[RankingDataset] = []
    for fold in reversed(folds.learning):  # of a large catalog, sources of two windows at once are most of the memory
        progress("Candidates of the learning windows", 0.2)
        sources = sources or fit_all(make_sources(quotas, configs), fold.past, fold.catalog)
        sampled = fold.sample(questions, seed=seed)
        datasets.insert(0, ranking_dataset(sources, _statistics(fold), sampled, quotas=quotas, seed=seed))
        sources = {}

    progress("Candidates of validation", 0.5)
    validation = folds.validation
    sources = fit_all(make_sources(quotas, configs), validation.past, validation.catalog)
    candidates = label_candidates(sources, _statistics(validation), validation, quotas=quotas)
    del sources

    progress("Training the ranker", 0.7)
    single = next(iter(best_singles(candidates.candidates, validation.targets, validation.n_items)))
    members, ranker = _train_ranker(datasets, candidates, single=single, seed=seed)
    scores = None if ranker is None else ranker.scores(candidates.features)
    selection = select_model(candidates.candidates, validation, ranker_scores=scores, seed=seed)
    return Hybrid(settings, quotas, datasets, candidates, members, scores, selection)


def _train_ranker(
    datasets: Sequence[RankingDataset], validation: LabeledCandidates, *, single: str, seed: int
) -> tuple[Sequence[Member], Ranker | None]:
    """Return the members of the ranker and their mean: LambdaMART, stopped by validation, and a small network.

    They err differently: their mean beats either (ADR 14). On few rows the released ranker has the rank of the best
    source as a third member; validation chose that source, so the one judged here does without. None where the windows
    hold no hits, or nothing but hits.
    """
    names = feature_names(validation.candidates.sources)
    train_set, stop_set = concatenate(datasets), validation.dataset(seed=seed)
    if not (has_contrast(train_set.labels) and has_contrast(stop_set.labels)):
        return (), None
    trees = train_trees(train_set, LAMBDAMART, names, rounds=MAX_ROUNDS, seed=seed, stop_on=stop_set, patience=PATIENCE)
    network = Network.fit(train_set.features, train_set.labels, steps=NETWORK_STEPS, seed=seed)
    source = ({"objective": SOURCE, "source": single}, 1)
    members = ((LAMBDAMART, max(trees.rounds, MIN_ROUNDS)), ({"objective": NETWORK}, NETWORK_STEPS), source)
    return members, Ranker.mean([trees, network], train_set, names)


def suggest_settings(
    names: Sequence[str], folds: Folds, search: Search, *, seed: int, progress: Progress
) -> dict[str, SourceSettings]:
    """Return the settings of each source that need no search: its best half-life, and its best start with that."""
    judges = [folds.validation, *reversed(folds.learning)]
    settings: dict[str, SourceSettings] = {}

    def suggest(name: str, half_lives: Sequence[float]) -> SourceSettings:
        champion = search.champion.get(name)
        return suggested_settings(name, judges, seed=seed, half_lives=half_lives, champion=champion)

    for cost, low in (("seconds", 0.0), ("minutes", 0.5)):
        half_lives = HALF_LIVES if cost == "seconds" else common_half_life(settings)
        settings |= run_parallel(
            partial(suggest, half_lives=half_lives),
            [name for name in names if RECOMMENDERS[name].cost == cost],
            progress=part_of(lambda name, share: progress(f"Trying settings of {name}", share), low, low + 0.5),
        )
    return dict(sorted(settings.items()))


def tune_settings(
    suggested: Mapping[str, SourceSettings],
    folds: Folds,
    search: Search,
    *,
    budget_s: float,
    seed: int,
    progress: Progress,
) -> dict[str, SourceSettings]:
    """Return what a search finds above the suggested settings; all sources with something to tune share the budget."""
    tunable = [name for name in suggested if RECOMMENDERS[name].SEARCH_SPACE]
    judges = [folds.validation, *reversed(folds.learning)]
    tuned = dict(suggested)
    for number, name in enumerate(tunable):
        progress(f"Tuning {name}", number / len(tunable))
        own_s = budget_s / len(tunable)
        tuned[name] = tune(name, suggested[name], judges, budget_s=own_s, seed=seed, search=search)
    return tuned


def _quotas(sources: Mapping[str, Any], fold: Fold, *, seed: int) -> tuple[dict[str, int], float]:
    """Return how many candidates each source proposes, and the share of questions whose candidates hold a target."""
    part = fold.sample(QUOTA_QUESTIONS, seed=seed)
    depths = dict.fromkeys(sources, DEPTH)
    deep = gather(sources, part.profiles, part.contexts, quotas=depths, n_items=part.n_items)
    hits = label(deep, part.targets, part.n_items)
    return dict(sorted(tuned_quotas(deep, hits).items())), len(np.unique(deep.rows[hits])) / max(1, len(part))


def _exposure(plan: Plan, hybrid: Hybrid, validation: Fold) -> ExposureConstraint | None:
    """Return the exposure constraint, measured on what validation's shoppers would be shown; None where it is off."""
    if not plan.exposure or plan.stage not in ("blend", "ranker"):
        return None
    candidates = hybrid.validation.candidates
    shown = blend_slates(candidates, plan.blend)
    if plan.stage == "ranker" and hybrid.scores is not None:
        shown = slates(candidates, hybrid.scores)
    return ExposureConstraint.from_slates(shown[validation.begins], n_items=validation.n_items, strength=plan.exposure)


def _statistics(fold: Fold) -> ItemStatistics:
    return ItemStatistics.fit(fold.past, fold.catalog, until=fold.until)


def _repeats(dataset: Dataset, start: float, end: float) -> bool:
    """Return whether shoppers take again, between two moments, what they had before."""
    window = temporal(dataset, start=start, end=end, new_only=False, limit=2_000)
    again = sum(int(np.isin(own, one.items).sum()) for own, one in zip(window.targets, window.profiles, strict=True))
    taken = sum(map(len, window.targets))
    return taken > 0 and again / taken >= REPEAT_SHARE

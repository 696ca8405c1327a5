"""A stage is released only where validation earns it; whatever is released answers."""

from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest

from recsys.data.folds import Fold
from recsys.data.profile import Context, Profile
from recsys.ranking.candidates import Candidates
from recsys.training.model_selection import select_model
from recsys.training.refit import refit
from recsys.training.training import Hybrid, is_surely_better, train
from tests.recsys.shops import catalog, interactions
from tests.recsys.trainings import TrainedShop

SHOPPERS, ITEMS = 120, 12
STAGES = ["popular", "single", "blend", "ranker"]


def planted(**shares: float) -> tuple[Candidates, Fold, np.ndarray]:
    """Return candidates where each source lists three items, the right one first for its share of shoppers.

    For others it lists only wrong ones. The ranker's scores do so by the share `ranker`.
    """
    rng = np.random.default_rng(3)
    targets = rng.integers(0, ITEMS, SHOPPERS)
    rows, items = np.repeat(np.arange(SHOPPERS), ITEMS), np.tile(np.arange(ITEMS), SHOPPERS)

    def ranks(share: float, *, offset: int = 0) -> np.ndarray:
        right = (np.arange(SHOPPERS) + offset) % SHOPPERS < share * SHOPPERS
        worth = rng.random(len(rows)) + np.where(items == targets[rows], np.where(right[rows], 9.0, -9.0), 0.0)
        order = np.lexsort((-worth, rows))
        place = np.empty(len(rows), np.float32)
        place[order] = items
        return place

    names = ("other", "popular", "source")
    columns = [ranks(shares.get(name, 0.0), offset=60 * (name == "other")) for name in names]
    table = np.column_stack(columns).astype(np.float32)
    table[table > 2] = np.nan
    candidates = Candidates(rows, items, np.nan_to_num(table), table, names, SHOPPERS)
    fold = Fold(
        interactions([], n_users=SHOPPERS),
        catalog(ITEMS),
        np.arange(SHOPPERS),
        [Profile.empty(0.0)] * SHOPPERS,
        [np.array([own]) for own in targets],
        0.0,
    )
    return candidates, fold, -ranks(shares.get("ranker", 0.0)).astype(np.float32)


@pytest.mark.parametrize(
    ("shares", "released"),
    [
        ({"popular": 0.6}, "popular"),
        ({"popular": 0.2, "source": 0.6}, "single"),
        ({"popular": 0.1, "source": 0.5, "other": 0.5}, "blend"),
        ({"popular": 0.1, "source": 0.4, "ranker": 0.9}, "ranker"),
        ({"popular": 0.2, "source": 0.6, "ranker": 0.1}, "single"),
    ],
)
def test_a_stage_is_taken_only_where_it_is_earned(shares: dict[str, float], released: str) -> None:
    candidates, fold, scores = planted(**shares)

    selection = select_model(candidates, fold, ranker_scores=scores, seed=7)

    assert selection.stage == released
    assert [one.stage for one in selection.stages] == STAGES
    assert selection.stages[0].taken
    assert [one.stage for one in selection.stages if one.taken][-1] == released
    assert selection.single == max(selection.singles, key=lambda name: selection.singles[name])


def test_without_a_ranker_no_such_stage_is_judged() -> None:
    candidates, fold, _ = planted(source=0.6)

    selection = select_model(candidates, fold, ranker_scores=None, seed=7)

    assert [one.stage for one in selection.stages] == STAGES[:3]


@pytest.mark.parametrize("stage", STAGES)
def test_every_stage_is_fitted_on_everything_and_answers(stage: str, small_training: TrainedShop) -> None:
    training, rows = small_training.training, small_training.dataset.interactions
    plan = type(training.plan)(**{**vars(training.plan), "stage": stage})

    model = refit(plan, rows, small_training.dataset.catalog, training.datasets, until=float(rows.times[-1]))

    assert model.stage == stage
    assert len(model.slate(small_training.test.profiles[0], Context(), 10)) == 10
    if stage != "blend":  # which asks its own sources alone, and these may know nothing of a newcomer
        assert len(model.slate(Profile.empty(float(rows.times[-1])), Context(), 10)) == 10


def test_a_search_never_costs_what_validation_found_without_it(small_training: TrainedShop) -> None:
    names = tuple(small_training.training.plan.quotas)

    tuned = train(small_training.dataset, names=names, budget_s=2.0)

    def value(stages: list[tuple[str, float]], released: str) -> float:
        return dict(stages)[released]

    before, after = (
        value([(one.stage, one.ndcg.value) for one in own.selection.stages], own.selection.stage)
        for own in (small_training.training, tuned)
    )
    assert after >= before


def test_tuned_settings_that_are_ahead_by_chance_are_not_released() -> None:
    rng = np.random.default_rng(7)
    values, users = rng.random(400), np.arange(400)

    def hybrid_of(own: np.ndarray) -> Hybrid:
        return cast("Hybrid", SimpleNamespace(selection=SimpleNamespace(values=own)))

    validation = cast("Fold", SimpleNamespace(users=users))
    best, by_chance = hybrid_of(values), hybrid_of(values + rng.normal(0.005, 0.2, 400))
    surely = hybrid_of(values + rng.normal(0.05, 0.2, 400))

    assert not is_surely_better(by_chance, best, validation, seed=7)
    assert is_surely_better(surely, best, validation, seed=7)

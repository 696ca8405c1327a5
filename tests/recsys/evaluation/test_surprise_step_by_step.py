"""Surprise's SVD, judged step by step on the shoppers of the test fold, in bounded time."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from recsys.evaluation import surprise_ablation
from recsys.evaluation.surprise_ablation import LearnedUserFactors, SampledFold, SVDWithUserFactors
from recsys.evaluation.svd_as_feature import svd_feature_gain, svd_features
from recsys.ranking.ranker import NETWORK
from recsys.sources.svd import SVD
from recsys.training.training import test_candidates as candidates_of
from tests.recsys.trainings import TrainedShop

SOURCES = ("personal_top", "popular", "rp3beta")
STEPS = [
    *("as in the tutorial", "with sampled negatives", "item factors folded in"),
    *("folded in, recent events first (svd)", "popular", "released"),
]


@pytest.fixture
def trained(small_training: TrainedShop) -> TrainedShop:
    return small_training


def value(trained: TrainedShop, step: str) -> float:
    result: dict[str, Any] = trained.report["surprise"][step]
    return float(result["value"])


def test_every_step_is_reported_on_the_same_shoppers(trained: TrainedShop) -> None:
    steps, basis = trained.report["surprise"], trained.report["surprise_basis"]

    assert list(steps)[: len(STEPS)] == STEPS
    assert {steps[name]["n"] for name in STEPS} == {basis["shoppers"]} == {len(trained.test)}
    assert basis["rows"] == basis["of_rows"] == len(trained.test.past)
    assert all(steps[name]["low"] <= steps[name]["value"] <= steps[name]["high"] for name in STEPS)


def test_drawn_zeros_are_what_makes_svd_rank(trained: TrainedShop) -> None:
    tutorial, *remedied = (value(trained, step) for step in STEPS[:4])

    assert tutorial < min(remedied)
    assert min(remedied) > 2 * value(trained, "popular")


def test_the_released_figure_is_that_of_the_report(trained: TrainedShop) -> None:
    ndcg = trained.report["test"][trained.report["stage"]]["together"]["ndcg@10"]

    assert value(trained, "released") == pytest.approx(ndcg["value"])
    assert value(trained, "popular") == pytest.approx(trained.report["test"]["popular"]["together"]["ndcg@10"]["value"])


def test_what_svd_adds_is_the_difference_of_two_rankers(trained: TrainedShop) -> None:
    without, beside, gain = list(trained.report["surprise"])[len(STEPS) :]

    assert value(trained, gain) == pytest.approx(value(trained, beside) - value(trained, without), abs=1e-6)


def test_rows_and_shoppers_are_bounded(trained: TrainedShop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(surprise_ablation, "MAX_ROWS", 300)
    monkeypatch.setattr(surprise_ablation, "MAX_SHOPPERS", 10)

    part = SampledFold.of(trained.test)

    assert len(part.fold) == len(part.rows) == 10
    assert part.fold.past.times.tolist() == trained.test.past.times[-300:].tolist()
    assert np.isin(part.fold.users, part.fold.past.users).all()
    assert [len(own) for own in part.fold.targets] == [len(trained.test.targets[row]) for row in part.rows.tolist()]


def test_the_own_factors_know_what_the_shopper_took(trained: TrainedShop) -> None:
    past = trained.test.past
    svd = SVDWithUserFactors().fit(past, trained.training.model.catalog)

    scores = LearnedUserFactors(svd).scores(np.arange(past.n_users, dtype=np.int32), None)

    took = np.zeros(scores.shape, bool)
    took[past.users, past.items] = True
    seen = svd.arrays["in_training"]
    assert scores[took].mean() > scores[~took & seen].mean() + 0.1
    assert (scores[:, ~seen] < -1e8).all()


def test_opinions_are_the_scores_and_ranks_of_svd(trained: TrainedShop) -> None:
    svd, fold = SVD().fit(trained.test.past, trained.training.model.catalog), trained.test
    labeled = candidates_of(trained.training.model, fold)
    shoppers = list(zip(fold.profiles, fold.contexts, strict=True))

    result = svd_features(svd, labeled.candidates, shoppers)

    own = labeled.candidates.rows == 3
    items = labeled.candidates.items[own]
    assert result[own, 0] == pytest.approx(svd.score(*shoppers[3], items.astype(np.int32)), rel=1e-4, abs=1e-6)
    ranked = svd.recommend(*shoppers[3], 200).items.tolist()
    assert np.isnan(result[own, 1]).sum() == sum(item not in ranked for item in items.tolist())
    assert int(items[np.nanargmin(result[own, 1])]) == next(item for item in ranked if item in items)


def test_without_a_ranker_nothing_is_added(trained: TrainedShop) -> None:
    fold = trained.test
    labeled = candidates_of(trained.training.model, fold)
    svd = SVD().fit(fold.past, trained.training.model.catalog)

    assert svd_feature_gain(replace(trained.training.model, ranker=None), fold, labeled, svd) == {}
    assert svd_feature_gain(trained.training.model, fold, labeled, svd) != {}


def test_where_a_network_alone_was_released_trees_are_asked_what_svd_adds(trained: TrainedShop) -> None:
    fold, model = trained.test, trained.training.model
    plan = {**model.manifest["plan"], "members": (({"objective": NETWORK}, 100),)}
    alone = replace(model, manifest={**model.manifest, "plan": plan})

    assert svd_feature_gain(alone, fold, candidates_of(model, fold), SVD().fit(fold.past, model.catalog)) != {}


def test_a_fold_that_nobody_can_be_asked_in_says_so(trained: TrainedShop) -> None:
    empty = replace(trained.test, users=np.empty(0, np.int64), profiles=[], targets=[])

    labeled = candidates_of(trained.training.model, trained.test).of_rows(np.empty(0, np.int64))
    result = surprise_ablation.surprise_ablation(trained.training.model, empty, labeled, other_slates={})

    assert result == {"surprise": {}, "surprise_basis": {}}


def test_no_ranker_is_asked_about_a_shopper_who_taught_it(
    trained: TrainedShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    fold, model = trained.test, trained.training.model
    labeled, train_users, test_users = candidates_of(model, fold), list[set[float]](), list[set[float]]()
    shopper = np.repeat(labeled.candidates.rows, labeled.features.shape[1]).reshape(labeled.features.shape)

    def answered(features: np.ndarray) -> np.ndarray:
        test_users.append(set(features[:, 0].tolist()))
        return np.zeros(len(features), np.float32)

    def fit_ranker(members: object, learnt: Any, *args: object, **more: object) -> Any:
        train_users.append(set(learnt.features[:, 0].tolist()))
        return SimpleNamespace(scores=answered)

    monkeypatch.setattr("recsys.evaluation.svd_as_feature.fit_ranker", fit_ranker)
    svd = SVD().fit(fold.past, model.catalog)
    svd_feature_gain(model, fold, replace(labeled, features=shopper.astype(np.float32)), svd)

    assert len(train_users) == len(test_users) == 4
    assert not any(teachers & others for teachers, others in zip(train_users, test_users, strict=True))

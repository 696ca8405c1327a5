"""A ranker may be the mean of several models: it scores, explains and is kept as one."""

import numpy as np
import pytest

from recsys.ranking.ranker import Model, Ranker, RankingDataset, Trees, score_spread, train_trees
from recsys.training.plan import Member
from recsys.training.refit import fit_ranker

NAMES = ("useful", "noise")
MEMBERS = (
    ({"objective": "rank_xendcg", "num_leaves": 7}, 20),
    ({"num_leaves": 31, "min_data_in_leaf": 20}, 20),  # smaller leaves than those of the model before
    ({"objective": "network"}, 20),
)


@pytest.fixture(scope="module")
def dataset() -> RankingDataset:
    rng = np.random.default_rng(7)
    features = rng.random((4_000, 2)).astype(np.float32)
    labels = (features[:, 0] + 0.3 * rng.random(4_000) > 1.0).astype(np.int32)
    return RankingDataset(features, labels, np.full(100, 40))


@pytest.fixture(scope="module")
def models(dataset: RankingDataset) -> list[Model]:
    ranker = fit_ranker(MEMBERS, dataset, NAMES, seed=7)
    assert ranker is not None
    return list(ranker.models)


def test_each_model_counts_alike(dataset: RankingDataset, models: list[Model]) -> None:
    rows = np.repeat(np.arange(100), 40)

    mean = Ranker.mean(models, dataset, NAMES).scores(dataset.features)

    parts = [one.scores(dataset.features) / score_spread(one.scores(dataset.features), rows) for one in models]
    assert np.allclose(mean, sum(parts) / 3, atol=1e-5)


def test_contributions_add_up_to_the_score(dataset: RankingDataset, models: list[Model]) -> None:
    mean, some = Ranker.mean(models, dataset, NAMES), dataset.features[:50]

    assert np.allclose(mean.contributions(some).sum(axis=1), mean.scores(some), atol=1e-4)
    assert mean.used_features()[0]


def test_what_is_read_is_what_was_written(dataset: RankingDataset, models: list[Model]) -> None:
    mean = Ranker.mean(models, dataset, NAMES)

    again = Ranker.parse(mean.text(), NAMES)

    assert (again.scores(dataset.features) == mean.scores(dataset.features)).all()
    assert again.text() == mean.text()


def test_the_rank_of_a_source_counts_less_the_more_rows_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    names = ("svd_rank", "noise")
    places = np.tile(np.r_[np.arange(10.0), np.full(30, np.nan)], 100)
    features = np.column_stack([places, np.random.default_rng(7).random(4_000)]).astype(np.float32)
    dataset = RankingDataset(features, (places == 3).astype(np.int32), np.full(100, 40))
    members: list[Member] = [MEMBERS[0], ({"objective": "source", "source": "svd"}, 1)]

    def source_share(rows: int) -> float:
        monkeypatch.setattr("recsys.training.refit.SOURCE_ROWS", rows)
        ranker = fit_ranker(members, dataset, names, seed=7)
        assert ranker is not None
        assert (Ranker.parse(ranker.text(), names).scores(features) == ranker.scores(features)).all()
        assert np.allclose(ranker.contributions(features).sum(axis=1), ranker.scores(features), atol=1e-4)
        return ranker.weights[1] if len(ranker.models) == 2 else 0.0

    full, half, none = source_share(8_000), source_share(2_000), source_share(300)

    assert half == pytest.approx(full / 2)
    assert none == 0.0


def test_a_model_with_constant_scores_gets_weight_zero(dataset: RankingDataset, models: list[Model]) -> None:
    constant = train_trees(dataset, {"objective": "binary", "min_data_in_leaf": 5_000}, NAMES, rounds=20, seed=7)

    mean = Ranker.mean([constant, *models[:2]], dataset, NAMES)

    assert mean.weights[0] == 0.0
    others = Ranker.mean(models[:2], dataset, NAMES)
    assert np.allclose(mean.scores(dataset.features), others.scores(dataset.features), atol=1e-5)
    assert Ranker.mean([constant, constant], dataset, NAMES).weights == (0.0, 0.0)


def test_one_model_needs_no_mean(dataset: RankingDataset, models: list[Model]) -> None:
    alone = Ranker.mean(models[:1], dataset, NAMES)

    assert alone.weights == (1.0,)
    assert alone.models == (models[0],)


def test_trees_are_the_same_whatever_was_trained_before(dataset: RankingDataset, models: list[Model]) -> None:
    params, rounds = MEMBERS[1]

    assert train_trees(dataset, params, NAMES, rounds=rounds, seed=7).text() == models[1].text()


def test_trees_stop_where_they_gain_nothing(dataset: RankingDataset) -> None:
    labels = np.random.default_rng(8).integers(0, 2, 4_000).astype(np.int32)
    noise = RankingDataset(dataset.features, labels, dataset.groups)

    assert train_trees(dataset, {}, NAMES, rounds=200, seed=7, stop_on=noise, patience=5).rounds < 100


@pytest.mark.parametrize("label", [0, 1])
def test_hits_alone_and_misses_alone_teach_nothing(label: int, dataset: RankingDataset) -> None:
    alike = RankingDataset(dataset.features, np.full(4_000, label, np.int32), dataset.groups)

    assert fit_ranker(MEMBERS, alike, NAMES, seed=7) is None
    assert fit_ranker((), dataset, NAMES, seed=7) is None


def test_a_released_ranker_has_more_trees_and_steps(dataset: RankingDataset) -> None:
    grown = fit_ranker(MEMBERS[:1], dataset, NAMES, seed=7, growth=1.5)

    assert grown is not None
    (trees,) = grown.models
    assert isinstance(trees, Trees)
    assert trees.rounds == 30


def test_a_sample_holds_whole_questions(dataset: RankingDataset) -> None:
    some = dataset.sample(10)

    assert some.groups.tolist() == [40] * 10
    assert (some.features[:40] == dataset.features[:40]).all()
    assert (some.features[-40:] == dataset.features[-40:]).all()

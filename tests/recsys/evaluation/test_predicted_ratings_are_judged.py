"""The error of predicted stars: near the planted noise, below what needs no learning, and absent without ratings."""

from pathlib import Path

import numpy as np
import pytest

from recsys.data.dataset import Dataset, build
from recsys.data.folds import (
    Fold,
    Protocol,
    leave_one_out,
    temporal,
)
from recsys.data.time_split import cut_times
from recsys.data.visits import next_item
from recsys.evaluation.rating_errors import rating_errors, rmse_interval, worth_showing
from recsys.evaluation.report_values import headline
from recsys.ranking.item_statistics import ItemStatistics
from recsys.ranking.model import HybridModel
from recsys.ranking.predicted_ratings import RatingPredictor
from tests.recsys.rated_shop import NOISE, of_one_value, ratings
from tests.recsys.trainings import TrainedShop
from tests.recsys.trainings import trained as train_shop

SOURCES = ("personal_top", "popular", "rp3beta")


@pytest.fixture(scope="module")
def rated() -> Dataset:
    return build(ratings())


def folded(dataset: Dataset, protocol: Protocol = "temporal") -> Fold:
    """Return the test fold of a protocol."""
    if protocol == "leave-one-out":
        return leave_one_out(dataset, back=0, new_only=True)
    make_fold = next_item if protocol == "next-item" else temporal
    start = cut_times(dataset.interactions.times, [0.85])[0]
    return make_fold(dataset, start=start, end=float("inf"), new_only=True)


def stars_at(dataset: Dataset, fold: Fold) -> RatingPredictor | None:
    return ItemStatistics.fit(fold.past, dataset.catalog, until=fold.until).stars


def test_the_error_approaches_the_planted_noise_and_beats_the_baselines(rated: Dataset) -> None:
    fold = folded(rated)

    result = rating_errors(stars_at(rated, fold), fold, rated.interactions)

    svd, biases, item, overall = (
        result[name] for name in ("svd", "biases_of_item_and_shopper", "item_mean", "overall_mean")
    )
    assert NOISE * 0.95 < svd["value"] < NOISE * 1.25
    assert svd["low"] < svd["value"] < svd["high"] < biases["low"] < biases["value"] < item["value"]
    assert item["value"] < overall["value"]
    assert svd["ratings"] == biases["ratings"] == item["ratings"] == overall["ratings"] > 2_000


@pytest.mark.parametrize("noise", [0.3, 1.5])
def test_never_farther_than_biases_alone(noise: float) -> None:
    """Where most of a rating is chance, a taste that is read out of it errs more than none."""
    dataset = build(ratings(noise=noise))
    fold = folded(dataset)

    result = rating_errors(stars_at(dataset, fold), fold, dataset.interactions)

    assert result["svd"]["value"] < 1.005 * result["biases_of_item_and_shopper"]["value"]
    assert result["svd"]["value"] < noise * 1.2 + 0.05


def test_exactly_the_ratings_after_the_question_are_held_against(rated: Dataset) -> None:
    fold = folded(rated)
    rows = rated.interactions

    result = rating_errors(stars_at(rated, fold), fold, rows)

    assert result["svd"]["ratings"] == ((rows.times >= fold.until) & np.isin(rows.users, fold.users)).sum()
    assert result["svd"]["n"] == len(fold)


@pytest.mark.parametrize("protocol", ["leave-one-out", "next-item"])
def test_every_protocol_is_judged(rated: Dataset, protocol: Protocol) -> None:
    fold = folded(rated, protocol)

    result = rating_errors(stars_at(rated, fold), fold, rated.interactions)

    assert result["svd"]["value"] < result["item_mean"]["value"] < result["overall_mean"]["value"]
    assert result["svd"]["n"] == len(np.unique(fold.users))


def test_a_rating_given_before_is_not_asked_for_again(rated: Dataset) -> None:
    again = ratings()
    last = again.groupby("user_id").head(1).assign(timestamp=again["timestamp"].max() + 1, value=0.0)
    dataset = build(again.merge(last, how="outer").sort_values("timestamp", kind="stable"))
    fold = folded(rated)

    result = rating_errors(stars_at(rated, fold), fold, dataset.interactions)

    assert result == rating_errors(stars_at(rated, fold), fold, rated.interactions)


def test_the_interval_is_of_the_root_of_the_mean() -> None:
    rng = np.random.default_rng(5)
    error, shoppers = rng.normal(0, 2, 4_000), np.repeat(np.arange(400), 10)

    result = rmse_interval(error, np.zeros(4_000), shoppers)

    assert result.value == pytest.approx(np.sqrt((error**2).mean()))
    assert result.n == 400
    assert result.low == pytest.approx(result.value - 1.96 * 2 / np.sqrt(8_000), abs=0.01)
    assert result.high == pytest.approx(result.value + 1.96 * 2 / np.sqrt(8_000), abs=0.01)


@pytest.fixture(scope="module")
def trained() -> TrainedShop:
    return train_shop(build(ratings(shoppers=60)), names=SOURCES)


def test_training_reports_it_and_the_version_shows_it(trained: TrainedShop) -> None:
    report = trained.report

    assert report["rmse"]["svd"]["value"] < report["rmse"]["item_mean"]["value"]
    assert headline(report)["rmse_svd"] == report["rmse"]["svd"]["value"]
    assert headline(report)["rmse_biases"] == report["rmse"]["biases_of_item_and_shopper"]["value"]
    assert [name for name in headline(report) if name.startswith("rmse")] == ["rmse_svd", "rmse_biases"]


def test_the_release_carries_what_all_ratings_taught(trained: TrainedShop, tmp_path: Path) -> None:
    sealed = trained.model.save(tmp_path / "model")

    loaded = HybridModel.load(tmp_path / "model", expected=sealed)

    before, after = trained.model.statistics.stars, loaded.statistics.stars
    assert before is not None
    assert after is not None
    assert "stars.npz" in loaded.manifest["files"]
    np.testing.assert_array_equal(before.vectors, after.vectors)
    questions = trained.test.profiles[:5], trained.test.contexts[:5], 10
    for one, other in zip(trained.model.slate_many(*questions), loaded.slate_many(*questions), strict=True):
        np.testing.assert_array_equal(one.items, other.items)
        np.testing.assert_array_equal(one.scores, other.scores)


def test_a_constant_rating_column_leaves_it_out() -> None:
    trained = train_shop(build(of_one_value(ratings(shoppers=60))), names=SOURCES)

    assert trained.report["rmse"] == {}
    assert not [name for name in headline(trained.report) if name.startswith("rmse")]
    assert trained.model.statistics.stars is None
    assert trained.model.ranker is None or "predicted_stars" not in {
        name
        for name, used in zip(trained.model.ranker.names, trained.model.ranker.used_features(), strict=True)
        if used
    }


@pytest.mark.parametrize(("svd", "expected"), [(0.9, True), (1.1, False)])
def test_predictions_worse_than_the_mean_are_not_worth_telling(svd: float, expected: bool) -> None:
    assert worth_showing({"svd": {"value": svd}, "overall_mean": {"value": 1.0}}) == expected
    assert worth_showing({})

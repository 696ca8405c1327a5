"""Predicted stars: learnt from ratings up to a moment, folded in, the same number offline and online, or not there."""

import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from recsys.data.catalog import Catalog
from recsys.data.dataset import Dataset, build
from recsys.data.folds import Fold, temporal
from recsys.data.profile import Profile
from recsys.data.signals import RATING
from recsys.data.time_split import cut_times
from recsys.ranking import artifact
from recsys.ranking.artifact import ArtifactError
from recsys.ranking.candidates import gather
from recsys.ranking.features import feature_names, features
from recsys.ranking.item_statistics import ItemStatistics
from recsys.ranking.predicted_ratings import (
    CANDIDATE_CONFIGS,
    FIVE_STAR_SPAN,
    PREDICTED_STARS,
    RIDGES,
    RatingPredictor,
)
from recsys.ranking.profile_columns import ProfileColumns
from recsys.sources.registry import make
from tests.recsys.rated_shop import of_one_value, ratings

QUOTAS = {"popular": 80}


@pytest.fixture(scope="module")
def rated() -> Dataset:
    return build(ratings())


@pytest.fixture(scope="module")
def fold(rated: Dataset) -> Fold:
    start = cut_times(rated.interactions.times, [0.85])[0]
    return temporal(rated, start=start, end=float("inf"), new_only=False)


@pytest.fixture(scope="module")
def statistics(rated: Dataset, fold: Fold) -> ItemStatistics:
    return ItemStatistics.fit(fold.past, rated.catalog, until=fold.until)


def stars_of(statistics: ItemStatistics) -> RatingPredictor:
    assert statistics.stars is not None
    return statistics.stars


def held_back(stars: RatingPredictor) -> float:
    """Return how far tastes are held back on a scale of five stars."""
    return float(stars.ridge / max(1.0, (stars.high - stars.low) / FIVE_STAR_SPAN) ** 2)


def given(stars: RatingPredictor, profile: Profile, item: int) -> float | None:
    """Return the stars a shopper would give an item, None where one of them is unknown."""
    taste = stars.taste(profile)
    result = np.nan if taste is None else float(stars.predict_from_taste(taste, np.array([item]))[0])
    return None if np.isnan(result) else result


def as_views(profile: Profile) -> Profile:
    """Return the same history, looked at instead of rated."""
    return replace(profile, signals=np.zeros_like(profile.signals))


def test_the_ranker_sees_the_same_number_for_one_shopper_and_for_many(fold: Fold, statistics: ItemStatistics) -> None:
    source = {"popular": make("popular").fit(fold.past, _catalog(statistics))}

    many = gather(source, fold.profiles, fold.contexts, quotas=QUOTAS, n_items=statistics.n_items)
    together = features(many, fold.profiles, fold.contexts, statistics)
    one = gather(source, [fold.profiles[9]], [fold.contexts[9]], quotas=QUOTAS, n_items=statistics.n_items)
    alone = features(one, [fold.profiles[9]], [fold.contexts[9]], statistics)

    column = feature_names(many.sources).index(PREDICTED_STARS)
    np.testing.assert_array_equal(alone[:, column], together[many.rows == 9, column])
    assert np.isfinite(alone[:, column]).all()
    assert alone[0, column] == pytest.approx(given(stars_of(statistics), fold.profiles[9], int(one.items[0])))


def test_taste_shows_in_the_prediction(fold: Fold, statistics: ItemStatistics) -> None:
    everything = np.arange(statistics.n_items)
    turned = [replace(one, values=2 * np.float32(stars_of(statistics).mean) - one.values) for one in fold.profiles[:20]]

    def taste(profile: Profile) -> np.ndarray:
        rows = np.zeros(statistics.n_items, np.int64)
        return stars_of(statistics).predict(ProfileColumns.of([profile]), rows, everything) - stars_of(statistics).bias

    agreement = [np.corrcoef(taste(one), taste(other))[0, 1] for one, other in zip(fold.profiles, turned, strict=False)]

    assert max(agreement) < 0


def test_points_of_a_hundred_are_learnt_as_stars_are() -> None:
    rows = ratings()
    low, high = rows["value"].min(), rows["value"].max()
    stars = rows.assign(value=5 * (rows["value"] - low) / (high - low))
    five, hundred = (build(stars.assign(value=times * stars["value"])) for times in (1, 20))

    result, wanted = (
        RatingPredictor.fit(one.interactions, one.catalog.n_items, until=float("inf")) for one in (hundred, five)
    )

    assert result is not None
    assert wanted is not None
    fold = temporal(five, start=float(five.interactions.times[-1]), end=float("inf"), new_only=False)
    points, five_stars = (
        [given(model, replace(fold.profiles[0], values=times * fold.profiles[0].values), item) for item in range(20)]
        for times, model in ((20, result), (1, wanted))
    )
    np.testing.assert_allclose(np.array(points, float), 20 * np.array(five_stars, float), rtol=1e-3)


def test_who_never_rated_and_what_nobody_rated_are_unknown(fold: Fold, statistics: ItemStatistics) -> None:
    stars = stars_of(statistics)
    unrated = replace(stars, bias=np.where(np.arange(statistics.n_items) == 5, np.nan, stars.bias).astype(np.float32))

    assert given(stars, as_views(fold.profiles[0]), 5) is None
    assert given(stars, Profile.empty(fold.until), 5) is None
    assert given(stars, fold.profiles[0], statistics.n_items) is None
    assert given(unrated, fold.profiles[0], 5) is None
    assert given(stars, fold.profiles[0], 5) is not None


def test_generosity_is_what_a_rating_is_above_the_mean_and_the_items_own_bias() -> None:
    stars = RatingPredictor(3.0, 1.0, 5.0, np.array([1, -1], np.float32), np.zeros((2, 1), np.float32))
    ones, rated = np.ones(2, np.float32), np.full(2, RATING, np.int8)
    five = Profile(np.array([0, 2], np.int32), np.ones(2), rated, ones, np.array([5, 1], np.float32), now=2.0)

    # One star above what the item usually gets, of which a ridge of 4 leaves a fifth; of item 2 nothing is known.
    assert given(stars, five, 1) == pytest.approx(3 - 1 + 1 / 5)
    assert given(stars, five, 2) is None


def test_a_later_rating_of_the_same_item_stands_alone(fold: Fold, statistics: ItemStatistics) -> None:
    shopper = fold.profiles[0]
    again = replace(
        shopper,
        items=np.append(shopper.items, shopper.items[0]).astype(np.int32),
        times=np.append(shopper.times, shopper.times[-1]),
        signals=np.append(shopper.signals, shopper.signals[0]),
        weights=np.append(shopper.weights, np.float32(1)),
        values=np.append(shopper.values, shopper.values[0]),
    )
    changed = replace(again, values=np.append(shopper.values, np.float32(0)))

    assert given(stars_of(statistics), again, 7) == pytest.approx(given(stars_of(statistics), shopper, 7))
    assert given(stars_of(statistics), changed, 7) != pytest.approx(given(stars_of(statistics), shopper, 7))


def test_predictions_stay_within_the_shops_scale(fold: Fold, statistics: ItemStatistics) -> None:
    stars = stars_of(statistics)
    delighted = replace(fold.profiles[0], values=np.full_like(fold.profiles[0].values, 100))

    assert given(stars, delighted, 0) == stars.high


def test_later_ratings_are_not_looked_at(rated: Dataset, fold: Fold, statistics: ItemStatistics) -> None:
    just_before = float(np.nextafter(fold.until, 0))

    with_future = RatingPredictor.fit(rated.interactions, statistics.n_items, until=just_before)

    assert with_future is not None
    np.testing.assert_array_equal(with_future.vectors, stars_of(statistics).vectors)
    np.testing.assert_array_equal(with_future.bias, stars_of(statistics).bias)


@pytest.mark.parametrize("kind", ["constant", "none"])
def test_without_ratings_that_differ_there_is_nothing(kind: str, tmp_path: Path) -> None:
    frame = of_one_value(ratings()) if kind == "constant" else ratings().assign(event="purchase", value=1.0)
    dataset = build(frame)
    until = float(dataset.interactions.times[-1])
    statistics = ItemStatistics.fit(dataset.interactions, dataset.catalog, until=until)
    fold = temporal(dataset, start=until, end=float("inf"), new_only=False)
    source = {"popular": make("popular").fit(fold.past, dataset.catalog)}

    result = gather(source, fold.profiles, fold.contexts, quotas=QUOTAS, n_items=statistics.n_items)
    seen = features(result, fold.profiles, fold.contexts, statistics)
    artifact.write_statistics(tmp_path, statistics)

    assert statistics.stars is None
    assert np.isnan(seen[:, feature_names(result.sources).index(PREDICTED_STARS)]).all()
    assert [path.name for path in tmp_path.iterdir()] == ["statistics.npz"]
    assert artifact.read_statistics(tmp_path).stars is None


def test_saved_loaded_and_sealed_without_any_shopper(
    rated: Dataset, statistics: ItemStatistics, tmp_path: Path
) -> None:
    artifact.write_statistics(tmp_path, statistics)
    sealed = artifact.seal(tmp_path, {})

    loaded = artifact.read_statistics(tmp_path)
    artifact.unseal(tmp_path, expected=sealed)

    assert loaded.stars is not None
    np.testing.assert_array_equal(loaded.stars.vectors, stars_of(statistics).vectors)
    np.testing.assert_array_equal(loaded.stars.bias, stars_of(statistics).bias)
    assert (loaded.stars.mean, loaded.stars.low, loaded.stars.high, loaded.stars.ridge) == (
        stars_of(statistics).mean, stars_of(statistics).low, stars_of(statistics).high, stars_of(statistics).ridge,
    )  # fmt: skip
    assert len(rated.user_ids) not in {*loaded.stars.bias.shape, *loaded.stars.vectors.shape}
    (tmp_path / "stars.npz").write_bytes(b"other")
    with pytest.raises(ArtifactError, match=r"stars\.npz was altered"):
        artifact.unseal(tmp_path, expected=sealed)


def test_settings_are_chosen_by_the_newest_ratings() -> None:
    def chosen(frame: pd.DataFrame) -> RatingPredictor:
        rows = build(frame).interactions
        stars = RatingPredictor.fit(rows, int(rows.items.max()) + 1, until=float(rows.times[-1]))
        assert stars is not None
        return stars

    chance = chosen(ratings().assign(value=np.random.default_rng(1).normal(3, 1, len(ratings()))))
    few = chosen(ratings(shoppers=10, each=10))

    assert held_back(chosen(ratings())) == pytest.approx(RIDGES[0]), "taste is in them"
    assert held_back(chance) == pytest.approx(RIDGES[-1]), "there is none"
    assert held_back(few) == pytest.approx(RIDGES[0])
    assert few.vectors.shape[1] == CANDIDATE_CONFIGS[0].factors, "too few to tell"


def test_the_same_ratings_teach_the_same(fold: Fold, statistics: ItemStatistics) -> None:
    again = RatingPredictor.fit(fold.past, statistics.n_items, until=fold.until)

    assert again is not None
    np.testing.assert_array_equal(again.vectors, stars_of(statistics).vectors)


def test_a_slate_costs_next_to_nothing(fold: Fold, statistics: ItemStatistics) -> None:
    shopper = ProfileColumns.of(fold.profiles[:1])
    items = np.arange(200, dtype=np.int64) % statistics.n_items
    rows = np.zeros(200, np.int64)

    taken = []
    for _ in range(50):
        begun = time.perf_counter()
        stars_of(statistics).predict(shopper, rows, items)
        taken.append(time.perf_counter() - begun)

    assert min(taken) < 0.0003


def _catalog(statistics: ItemStatistics) -> Catalog:
    return Catalog(item_ids=tuple(f"i{code:03d}" for code in range(statistics.n_items)))

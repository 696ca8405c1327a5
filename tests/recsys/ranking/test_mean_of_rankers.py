"""A ranker may be the mean of several models: it scores, explains and is kept as one."""

import numpy as np
import pytest

from recsys.ranking.network import Network
from recsys.ranking.ranker import (
    Judged,
    Lesson,
    Ranker,
    Trees,
    scale,
)

NAMES = ("useful", "noise")
MEMBERS = (
    {"objective": "rank_xendcg", "num_leaves": 7},
    {"num_leaves": 31, "min_data_in_leaf": 20},  # smaller leaves than those of the model before
    {"objective": "network"},
)


@pytest.fixture(scope="module")
def seen() -> Judged:
    rng = np.random.default_rng(7)
    features = rng.random((4_000, 2)).astype(np.float32)
    labels = (features[:, 0] + 0.3 * rng.random(4_000) > 1.0).astype(np.int32)
    return Judged(features, labels, np.full(100, 40))


@pytest.fixture(scope="module")
def models(seen: Judged) -> list[Trees | Network]:
    lesson = Lesson(seen, NAMES, seed=7)
    return [lesson.model(params, 20) for params in MEMBERS]


def test_each_model_counts_alike(seen: Judged, models: list[Trees | Network]) -> None:
    rows = np.repeat(np.arange(100), 40)

    mean = Ranker.mean(models, seen, NAMES).scores(seen.features)

    parts = [one.scores(seen.features) / scale(one.scores(seen.features), rows) for one in models]
    assert np.allclose(mean, sum(parts) / 3, atol=1e-5)


def test_contributions_add_up_to_the_score(seen: Judged, models: list[Trees | Network]) -> None:
    mean = Ranker.mean(models, seen, NAMES)

    assert np.allclose(mean.contributions(seen.features[:50]).sum(axis=1), mean.scores(seen.features[:50]), atol=1e-4)
    assert mean.used_features()[0]


def test_what_is_read_is_what_was_written(seen: Judged, models: list[Trees | Network]) -> None:
    mean = Ranker.mean(models, seen, NAMES)

    again = Ranker.parse(mean.text(), NAMES)

    assert (again.scores(seen.features) == mean.scores(seen.features)).all()
    assert again.text() == mean.text()


def test_a_model_that_tells_nothing_apart_has_no_voice(seen: Judged, models: list[Trees | Network]) -> None:
    silent = Lesson(seen, NAMES, seed=7).model({"objective": "binary", "min_data_in_leaf": 5_000}, 20)

    mean = Ranker.mean([silent, *models[:2]], seen, NAMES)

    assert mean.weights[0] == 0.0
    assert np.allclose(
        mean.scores(seen.features), Ranker.mean(models[:2], seen, NAMES).scores(seen.features), atol=1e-5
    )
    assert Ranker.mean([silent, silent], seen, NAMES).weights == (0.0, 0.0)


def test_one_model_needs_no_mean(seen: Judged, models: list[Trees | Network]) -> None:
    alone = Ranker.mean(models[:1], seen, NAMES)

    assert alone.weights == (1.0,)
    assert alone.models == (models[0],)


def test_a_model_is_the_same_whatever_learned_from_the_lesson_before(
    seen: Judged, models: list[Trees | Network]
) -> None:
    alone = Lesson(seen, NAMES, seed=7).model(MEMBERS[1], 20)
    lesson = Lesson(seen, NAMES, seed=7, valid=seen)
    lesson.grown({}, 20, patience=5)

    assert alone.text() == models[1].text() == lesson.model(MEMBERS[1], 20).text()


def test_trees_stop_where_they_gain_nothing(seen: Judged) -> None:
    rng = np.random.default_rng(8)
    noise = Judged(seen.features, rng.integers(0, 2, 4_000).astype(np.int32), seen.groups)

    grown = Lesson(seen, NAMES, seed=7, valid=noise).grown({}, 200, patience=5)

    assert grown.rounds < 100


def test_there_must_be_something_to_stop_trees_on(seen: Judged) -> None:
    with pytest.raises(ValueError, match="stopped"):
        Lesson(seen, NAMES, seed=7).grown({}, 20, patience=5)


def test_the_spread_is_measured_on_some_shoppers_whole(seen: Judged) -> None:
    some = seen.some(10)

    assert some.groups.tolist() == [40] * 10
    assert (some.features[:40] == seen.features[:40]).all()
    assert (some.features[-40:] == seen.features[-40:]).all()

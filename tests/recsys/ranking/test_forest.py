"""Trees in arrays give LightGBM's raw scores to the last bit."""

import lightgbm as lgb
import numpy as np
import pytest

from recsys.ranking.forest import Forest


def booster(rounds: int, *, hits: float = 0.3, **params: object) -> lgb.Booster:
    """Return trees of random data with unknown values, zeros and ties."""
    rng = np.random.default_rng(7)
    features = rng.normal(size=(2_000, 6)).astype(np.float32).round(2)
    features[:, 5] = rng.integers(0, 4, 2_000)
    labels = (features[:, 0] + rng.normal(size=2_000) > 1 - hits).astype(int)
    features[:, :3][rng.random((2_000, 3)) < 0.3] = np.nan
    fixed = {"objective": "binary", "verbosity": -1, "seed": 7, "num_threads": 1}
    return lgb.train({**fixed, **params}, lgb.Dataset(features, labels), rounds)


@pytest.mark.parametrize("params", [{"num_leaves": 15}, {"num_leaves": 2}, {"num_leaves": 63, "min_data_in_leaf": 2}])
@pytest.mark.parametrize("n", [0, 1, 8, 333])
def test_scores_are_those_of_the_library(params: dict[str, int], n: int) -> None:
    trees = booster(30, **params)
    rng = np.random.default_rng(8)
    features = rng.normal(size=(n, 6)).astype(np.float32).round(2)
    features[rng.random((n, 6)) < 0.2] = np.nan
    features[rng.random((n, 6)) < 0.1] = np.inf

    scores = Forest.parse(trees.model_to_string()).scores(features)

    if n:
        np.testing.assert_array_equal(scores, trees.predict(features, raw_score=True))
    assert scores.shape == (n,)


def test_trees_of_one_leaf_are_numbers() -> None:
    trees = booster(3, min_data_in_leaf=2_000)

    scores = Forest.parse(trees.model_to_string()).scores(np.zeros((4, 6), np.float32))

    np.testing.assert_array_equal(scores, trees.predict(np.zeros((4, 6)), raw_score=True))


def test_splits_that_no_feature_of_ours_needs_are_refused() -> None:
    with pytest.raises(ValueError, match="takes 0 for unknown"):
        Forest.parse(booster(3, zero_as_missing=True).model_to_string())

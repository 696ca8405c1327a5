"""A ranker may be the mean of several models: it scores, explains and is kept as one."""

import numpy as np
import pytest

from personalization.ranking.ranker import Judged, Ranker, scale

NAMES = ("useful", "noise")
MEMBERS = ({"objective": "rank_xendcg", "num_leaves": 7}, {"num_leaves": 31}, {"objective": "network"})


@pytest.fixture(scope="module")
def seen() -> Judged:
    rng = np.random.default_rng(7)
    features = rng.random((4_000, 2)).astype(np.float32)
    labels = (features[:, 0] + 0.3 * rng.random(4_000) > 1.0).astype(np.int32)
    return Judged(features, labels, np.full(100, 40))


@pytest.fixture(scope="module")
def models(seen: Judged) -> list[Ranker]:
    return [Ranker.fit(seen, names=NAMES, seed=7, rounds=20, params=params) for params in MEMBERS]


def test_each_model_counts_alike(seen: Judged, models: list[Ranker]) -> None:
    rows = np.repeat(np.arange(100), 40)

    mean = Ranker.mean(models, seen).scores(seen.features)

    parts = [one.scores(seen.features) / scale(one.scores(seen.features), rows) for one in models]
    assert np.allclose(mean, sum(parts) / 3, atol=1e-5)


def test_contributions_add_up_to_the_score(seen: Judged, models: list[Ranker]) -> None:
    mean = Ranker.mean(models, seen)

    assert np.allclose(mean.contributions(seen.features[:50]).sum(axis=1), mean.scores(seen.features[:50]), atol=1e-4)
    assert mean.used()[0]


def test_what_is_read_is_what_was_written(seen: Judged, models: list[Ranker]) -> None:
    mean = Ranker.mean(models, seen)

    again = Ranker.parse(mean.text(), NAMES)

    assert (again.scores(seen.features) == mean.scores(seen.features)).all()
    assert again.text() == mean.text()


def test_one_model_needs_no_mean(seen: Judged, models: list[Ranker]) -> None:
    assert Ranker.mean(models[:1], seen) is models[0]

"""Candidates that shoppers then took are hits; rankers learn from all of these and from a few misses beside them."""

import numpy as np
import pytest

from recsys.data.dataset import build
from recsys.data.folds import temporal
from recsys.data.time_split import cut_times
from recsys.ranking.candidates import Candidates
from recsys.ranking.item_statistics import ItemStatistics
from recsys.sources.registry import make
from recsys.training.ranking_dataset import (
    Examples,
    examples,
    joined,
    label,
    teaches,
    thin_examples,
    together,
)
from tests.recsys.shop_history import history, products


def candidates(shoppers: int, each: int) -> Candidates:
    """Return the same candidates for every shopper."""
    rows, items = np.repeat(np.arange(shoppers), each), np.tile(np.arange(each), shoppers)
    nothing = np.zeros((len(rows), 1), np.float32)
    return Candidates(rows, items, nothing, nothing, ("popular",), shoppers)


def test_a_hit_is_what_this_very_shopper_took() -> None:
    taken = [np.array([1, 2]), np.empty(0, np.int64), np.array([0, 7])]

    found = label(candidates(3, 3), taken, 8)

    assert found.reshape(3, 3).tolist() == [[False, True, True], [False] * 3, [True, False, False]]
    assert label(candidates(0, 3), [], 8).tolist() == []


@pytest.mark.parametrize(("labels", "something"), [([], False), ([0, 0], False), ([1, 1], False), ([0, 1], True)])
def test_hits_alone_and_misses_alone_teach_nothing(labels: list[int], something: bool) -> None:
    assert teaches(np.array(labels, np.int32)) == something


def test_rankers_learn_from_all_hits_and_a_few_misses_of_those_who_have_a_hit() -> None:
    asked = candidates(3, 8)
    rows, items = asked.rows, asked.items
    labels = (rows == 0) & np.isin(items, [2, 5]) | (rows == 2) & (items == 7)
    whole = Examples(asked, np.column_stack([rows, items]).astype(np.float32), labels)

    first, again, *others = (whole.thinned(negatives=3, seed=seed) for seed in (7, 7, 8, 9, 10))

    assert first.judged().groups.tolist() == [2 + 3, 1 + 3], "of the second shopper nothing can be learnt"
    assert first.features[first.labels].tolist() == [[0, 2], [0, 5], [2, 7]]
    assert first.features.tolist() == np.column_stack([first.candidates.rows, first.candidates.items]).tolist()
    assert first.judged(np.array([1])).features.tolist() == first.features[:, [1]].tolist()
    assert again.features.tolist() == first.features.tolist()
    assert any(other.features.tolist() != first.features.tolist() for other in others), "misses are drawn"
    assert whole.thinned(negatives=8).judged().groups.tolist() == [8, 8]


@pytest.mark.parametrize("seed", range(3))
def test_thin_examples_are_those_of_a_fold_thinned(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("recsys.training.ranking_dataset.NEGATIVES", 5)
    dataset = build(history(shoppers=80), products())
    fold = temporal(dataset, start=cut_times(dataset.interactions.times, [0.7])[0], end=float("inf"), new_only=False)
    quotas = {"popular": 40, "rp3beta": 40}
    sources = {name: make(name).fit(fold.past, dataset.catalog) for name in quotas}
    statistics = ItemStatistics.fit(fold.past, dataset.catalog, until=fold.until)

    whole = examples(sources, statistics, fold, quotas=quotas)
    found, wanted = (
        thin_examples(sources, statistics, fold, quotas=quotas, seed=seed),
        whole.thinned(negatives=5, seed=seed),
    )

    assert 0 < len(found.labels) < len(whole.labels)
    np.testing.assert_array_equal(found.features, wanted.features)
    np.testing.assert_array_equal(found.labels, wanted.labels)
    for name in ("rows", "items", "scores", "ranks"):
        np.testing.assert_array_equal(getattr(found.candidates, name), getattr(wanted.candidates, name))


@pytest.mark.parametrize("columns", [None, np.array([2, 0])])
def test_folds_are_taught_together_as_one_by_one(columns: np.ndarray | None) -> None:
    draws = np.random.default_rng(7)
    folds = [
        Examples(candidates(shoppers, 4), draws.random((4 * shoppers, 3), np.float32), draws.random(4 * shoppers) < 0.3)
        for shoppers in (3, 1, 5)
    ]

    found, wanted = together(folds, columns), joined([fold.judged(columns) for fold in folds])

    for name in ("features", "labels", "groups"):
        assert getattr(found, name).tolist() == getattr(wanted, name).tolist()
        assert getattr(found, name).dtype == getattr(wanted, name).dtype

"""Candidates that shoppers then took are hits; a ranker learns from all of these and from a few misses beside them."""

import numpy as np
import pytest

from recsys.data.dataset import build
from recsys.data.folds import temporal
from recsys.data.time_split import cut_times
from recsys.ranking.candidates import Candidates
from recsys.ranking.item_statistics import ItemStatistics
from recsys.ranking.ranker import RankingDataset
from recsys.sources.registry import make
from recsys.training import ranking_dataset as module
from recsys.training.ranking_dataset import LabeledCandidates, concatenate, label, label_candidates, ranking_dataset
from tests.recsys.shop_history import history, products


def candidates(shoppers: int, each: int) -> Candidates:
    """Return the same candidates for every shopper."""
    rows, items = np.repeat(np.arange(shoppers), each), np.tile(np.arange(each), shoppers)
    nothing = np.zeros((len(rows), 1), np.float32)
    return Candidates(rows, items, nothing, nothing, ("popular",), shoppers)


def dataset_of(value: float, groups: list[int]) -> RankingDataset:
    n = sum(groups)
    return RankingDataset(np.full((n, 1), value, np.float32), np.zeros(n, np.int32), np.array(groups, np.int64))


def test_a_hit_is_what_this_very_shopper_took() -> None:
    taken = [np.array([1, 2]), np.empty(0, np.int64), np.array([0, 7])]

    labels = label(candidates(3, 3), taken, 8)

    assert labels.reshape(3, 3).tolist() == [[False, True, True], [False] * 3, [True, False, False]]
    assert label(candidates(0, 3), [], 8).tolist() == []


def test_a_ranker_learns_from_all_hits_and_a_few_misses_of_questions_with_a_hit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "NEGATIVES", 3)
    pairs = candidates(3, 8)
    labels = (pairs.rows == 0) & np.isin(pairs.items, [2, 5]) | (pairs.rows == 2) & (pairs.items == 7)
    labeled = LabeledCandidates(pairs, np.column_stack([pairs.rows, pairs.items]).astype(np.float32), labels)

    first, again, *others = (labeled.dataset(seed=seed) for seed in (7, 7, 8, 9, 10))

    assert first.groups.tolist() == [2 + 3, 1 + 3], "the second question holds no hit"
    assert first.features[first.labels == 1].tolist() == [[0, 2], [0, 5], [2, 7]]
    assert again.features.tolist() == first.features.tolist()
    assert any(other.features.tolist() != first.features.tolist() for other in others), "misses are drawn"


@pytest.mark.parametrize("seed", range(2))
def test_a_dataset_is_the_same_whether_all_features_are_computed_or_only_those_that_are_kept(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "NEGATIVES", 5)
    dataset = build(history(shoppers=80), products())
    fold = temporal(dataset, start=cut_times(dataset.interactions.times, [0.7])[0], end=float("inf"), new_only=False)
    quotas = {"popular": 40, "rp3beta": 40}
    sources = {name: make(name).fit(fold.past, dataset.catalog) for name in quotas}
    statistics = ItemStatistics.fit(fold.past, dataset.catalog, until=fold.until)

    labeled = label_candidates(sources, statistics, fold, quotas=quotas)
    expected = labeled.dataset(seed=seed)
    thin = ranking_dataset(sources, statistics, fold, quotas=quotas, seed=seed)

    assert 0 < len(thin.labels) < len(labeled.labels)
    for name in ("features", "labels", "groups"):
        np.testing.assert_array_equal(getattr(thin, name), getattr(expected, name))


def test_some_questions_keep_their_candidates_and_are_numbered_anew() -> None:
    pairs = candidates(4, 3)
    labeled = LabeledCandidates(pairs, pairs.rows[:, None].astype(np.float32), pairs.items == 1)

    part = labeled.of_rows(np.array([1, 3]))

    assert (part.candidates.n_rows, part.candidates.rows.tolist()) == (2, [0, 0, 0, 1, 1, 1])
    assert part.features[:, 0].tolist() == [1, 1, 1, 3, 3, 3]
    assert part.labels.tolist() == [False, True, False] * 2


@pytest.mark.parametrize(
    ("max_rows", "rows"),
    [
        (4_000, {1: 1_000, 2: 1_000, 9: 1_000}),
        (2_500, {1: 500, 2: 1_000, 9: 1_000}),
        (2_000, {2: 1_000, 9: 1_000}),
        (1_500, {2: 500, 9: 1_000}),
        (700, {9: 700}),
    ],
)
def test_beyond_the_rows_that_are_enough_the_oldest_questions_are_left_out(max_rows: int, rows: dict[int, int]) -> None:
    parts = [dataset_of(value, [10] * 100) for value in (1, 2, 9)]

    whole = concatenate(parts, max_rows=max_rows)

    values, counts = np.unique(whole.features[:, 0].astype(int), return_counts=True)
    assert dict(zip(values.tolist(), counts.tolist(), strict=True)) == rows
    assert whole.groups.sum() == len(whole.labels) == len(whole.features)
    assert whole.features[-1, 0] == 9, "oldest first"


def test_nothing_older_is_taken_where_questions_of_uneven_size_take_more_than_the_room() -> None:
    uneven = dataset_of(2, [400, *[1] * 100, 400])  # the first and the last are among evenly chosen ones

    whole = concatenate([dataset_of(1, [10] * 100), uneven, dataset_of(9, [10] * 100)], max_rows=1_200)

    assert set(whole.features[:, 0].tolist()) == {2.0, 9.0}

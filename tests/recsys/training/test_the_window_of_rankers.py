"""A released ranker learns from the newest fold as well; the oldest make room where that would be too much."""

import numpy as np
import pytest

from recsys.evaluation import pipeline
from recsys.ranking.candidates import Candidates
from recsys.ranking.ranker import RankingDataset
from recsys.training.ranking_dataset import LabeledCandidates

SHOPPERS, EACH = 100, 10


def _newest() -> LabeledCandidates:
    rows = np.repeat(np.arange(SHOPPERS), EACH)
    items = np.tile(np.arange(EACH), SHOPPERS)
    told = np.zeros((len(rows), 1), np.float32)
    labels = items == 0
    return LabeledCandidates(Candidates(rows, items, told, told, ("popular",), SHOPPERS), np.full((len(rows), 2), 9.0), labels)


def _learnt(fold: float, shoppers: int = SHOPPERS) -> RankingDataset:
    n = shoppers * EACH
    return RankingDataset(np.full((n, 1), fold, np.float32), np.zeros(n, np.int32), np.full(shoppers, EACH, np.int64))


@pytest.mark.parametrize(
    ("limit", "learnt", "found"),
    [
        (4_000, [_learnt(1), _learnt(2)], {1: 1_000, 2: 1_000, 9: 1_000}),
        (2_500, [_learnt(1), _learnt(2)], {1: 500, 2: 1_000, 9: 1_000}),
        (2_000, [_learnt(1), _learnt(2)], {2: 1_000, 9: 1_000}),
        (2_000, [_learnt(0, 1), _learnt(1), _learnt(2)], {1: 340, 2: 1_000, 9: 660}),
        (2_000, [], {9: 1_000}),
    ],
)
def test_the_oldest_are_cut_where_it_would_be_too_much(
    monkeypatch: pytest.MonkeyPatch, limit: int, learnt: list[RankingDataset], found: dict[int, int]
) -> None:
    monkeypatch.setattr(pipeline, "LEARNT_ROWS", limit)

    window = pipeline._window(learnt, [_newest()], np.array([1]))

    assert {int(one.features[0, 0]): len(one.labels) for one in window} == found


def test_nothing_is_left_of_the_oldest_where_uneven_shoppers_take_more_than_the_room(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pipeline, "LEARNT_ROWS", 1_000)
    groups = np.array([400, *[1] * 100, 400])  # evenly chosen shoppers have the first and the last among them
    uneven = RankingDataset(np.full((900, 1), 2, np.float32), np.zeros(900, np.int32), groups)

    window = pipeline._window([_learnt(1), uneven], [_newest()], np.array([1]))

    assert [int(one.features[0, 0]) for one in window] == [2, 9]

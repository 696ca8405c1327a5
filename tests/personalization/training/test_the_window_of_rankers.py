"""A released ranker learns from the newest fold as well, in place of the oldest where that would be too much."""

import numpy as np
import pytest

from personalization.ranking.candidates import Candidates
from personalization.ranking.ranker import Judged
from personalization.training import pipeline
from personalization.training.examples import Examples

SHOPPERS, EACH = 100, 10


def _newest() -> Examples:
    rows = np.repeat(np.arange(SHOPPERS), EACH)
    items = np.tile(np.arange(EACH), SHOPPERS)
    told = np.zeros((len(rows), 1), np.float32)
    labels = items == 0
    return Examples(Candidates(rows, items, told, told, ("popular",), SHOPPERS), np.full((len(rows), 2), 9.0), labels)


def _learnt(fold: float) -> Judged:
    n = SHOPPERS * EACH
    return Judged(np.full((n, 1), fold, np.float32), np.zeros(n, np.int32), np.full(SHOPPERS, EACH, np.int64))


@pytest.mark.parametrize(("limit", "folds"), [(4_000, [1, 2, 9]), (2_500, [2, 9])])
def test_the_oldest_goes_where_it_would_be_too_much(
    monkeypatch: pytest.MonkeyPatch, limit: int, folds: list[int]
) -> None:
    monkeypatch.setattr(pipeline, "LEARNT_ROWS", limit)

    found = pipeline._window([_learnt(1), _learnt(2)], _newest(), np.array([1]))

    assert [int(one.features[0, 0]) for one in found] == folds
    assert sum(len(one.labels) for one in found) <= limit

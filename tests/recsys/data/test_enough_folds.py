"""The ranker learns from as many folds as it takes: for questions to be many, or their right answers."""

import numpy as np
import pytest

from recsys.data import folds
from recsys.data.dataset import Dataset
from recsys.data.folds import Fold, learning_folds, temporal
from recsys.data.interactions import Interactions
from recsys.data.time_split import cut_times
from tests.recsys.shops import catalog

TIMES = np.arange(1_000.0)


def _shop(each: int) -> Dataset:
    """Return a row a second: of 40 shoppers in turn, each time another of `each` products of theirs."""
    n = len(TIMES)
    users = (np.arange(n) % 40).astype(np.int32)
    items = (users * each + (np.arange(n) // 40) % each).astype(np.int32)
    ones = np.ones(n, np.float32)
    rows = Interactions(users, items, TIMES, np.zeros(n, np.int8), ones, ones, np.full(n, -1, np.int32), 40)
    return Dataset(rows, catalog(40 * each), ())


def _training_folds(each: int) -> list[Fold]:
    shop = _shop(each)
    return learning_folds(TIMES, lambda start, end: temporal(shop, start=start, end=end, new_only=False))


@pytest.mark.parametrize(
    ("enough", "right", "least", "result"),
    [(12_000, 100_000, 0, 4), (40, 100_000, 0, 1), (12_000, 200, 0, 2), (12_000, 200, 120, 3)],
)
def test_earlier_folds_are_taken_until_there_is_enough(
    monkeypatch: pytest.MonkeyPatch, enough: int, right: int, least: int, result: int
) -> None:
    monkeypatch.setattr(folds, "ENOUGH_QUESTIONS", enough)
    monkeypatch.setattr(folds, "ENOUGH_TARGETS", right)
    monkeypatch.setattr(folds, "MIN_QUESTIONS", least)

    learning = _training_folds(each=5)

    assert len(learning) == result
    assert [len(one.past) for one in learning] == sorted(len(one.past) for one in learning)
    assert learning[-1].until == 550.0


@pytest.mark.parametrize(("validation", "starts"), [(0.70, 4), (0.40, 3), (0.35, 2), (0.30, 2)])
def test_no_fold_starts_before_the_first_row(validation: float, starts: int) -> None:
    began: list[float] = []

    def make_fold(start: float, end: float) -> Fold:
        began.append(start)
        return temporal(_shop(each=5), start=start, end=end, new_only=False)

    learning_folds(TIMES, make_fold, validation=validation)

    assert began == pytest.approx([1_000 * (validation - back) for back in folds.FOLD_STARTS[:starts]])


@pytest.mark.parametrize("validation", [0.70, 0.55])
def test_no_row_of_validation_is_learnt_from(validation: float) -> None:
    """Not with any number of rows: in binary, .55 + .15 is more than .7."""
    nobody = temporal(_shop(each=5), start=-1.0, end=-1.0, new_only=False)
    for n in range(60, 400):
        times = np.arange(float(n))
        ends: list[float] = []

        def make_fold(start: float, end: float, ends: list[float] = ends) -> Fold:
            ends.append(end)
            return nobody

        learning_folds(times, make_fold, validation=validation)

        assert max(ends) == cut_times(times, [validation])[0]

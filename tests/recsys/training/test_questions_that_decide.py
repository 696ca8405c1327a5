"""The questions that decide: of several folds as of one, each with its own candidates and what is cold to it."""

from dataclasses import replace

import numpy as np
import pytest

from recsys.data.dataset import Dataset
from recsys.data.folds import Fold, next_item
from recsys.ranking.candidates import Candidates
from recsys.ranking.features import AGE_FEATURES, feature_names
from recsys.ranking.history import OWN_FEATURES
from recsys.training.ranking_dataset import Examples
from recsys.training.validation_set import PLENTY, Deciding, few
from tests.recsys import shops

NAMES = feature_names(("popular",))
SHOP = Dataset(
    shops.interactions(
        [(0, 0, 10.0, "view"), (1, 1, 10.0, "view"), (0, 2, 20.0, "view"), (1, 0, 30.0, "view")], n_users=2
    ),
    shops.catalogue(3),
    (),
)


def asked(items: list[list[int]], hit: list[list[int]]) -> Examples:
    """Return the candidates of each question, and which of them are right."""
    rows = np.repeat(np.arange(len(items)), [len(own) for own in items])
    nothing = np.zeros((len(rows), 1), np.float32)
    found = Candidates(rows, np.array(sum(items, [])), nothing, nothing, ("popular",), len(items))
    labels = np.array([item in own for proposed, own in zip(items, hit, strict=True) for item in proposed])
    return Examples(found, np.zeros((len(rows), len(NAMES)), np.float32), labels)


def questions(start: float, end: float) -> Fold:
    return next_item(SHOP, start=start, end=end, new_only=False)


def test_the_questions_of_two_folds_are_one_list() -> None:
    first, second = questions(15.0, 25.0), questions(25.0, 35.0)
    one, other = asked([[0, 2]], [[2]]), asked([[1, 0, 2]], [[0]])

    found = Deciding.of([one, other], [first, second])

    assert found.asked.candidates.rows.tolist() == [0, 0, 1, 1, 1]
    assert found.asked.candidates.items.tolist() == [0, 2, 1, 0, 2]
    assert found.asked.candidates.n_rows == 2
    assert found.asked.labels.tolist() == [False, True, False, True, False]
    assert [own.tolist() for own in found.targets] == [[2], [0]]
    assert ([own.tolist() for own in found.cold_targets()], [own.tolist() for own in found.known_targets()]) == (
        [[2], []],
        [[], [0]],
    )
    assert (found.users.tolist(), found.n_items) == ([0, 1], 3)
    assert found.begins is not None
    assert found.begins.tolist() == [True, True]
    assert Deciding.of([one], [first]).asked is one


def test_a_candidate_is_untouched_where_neither_anybody_nor_the_shopper_since_has_touched_it() -> None:
    deciding = Deciding.of([asked([[0, 1, 2]], [[2]])], [questions(15.0, 25.0)])
    features = deciding.asked.features
    features[1:, NAMES.index(AGE_FEATURES[1])] = np.nan
    features[2, NAMES.index(OWN_FEATURES[0])] = 0.5

    assert deciding.untouched().tolist() == [False, True, False]


@pytest.mark.parametrize(("asks", "luck"), [(499, True), (500, False)])
def test_validation_decides_alone_where_it_asks_five_hundred(asks: int, luck: bool) -> None:
    fold = questions(15.0, 25.0)
    many = replace(
        fold, users=np.zeros(asks, np.int64), profiles=[*fold.profiles] * asks, targets=[*fold.targets] * asks
    )

    assert PLENTY == 500
    assert few(many) is luck

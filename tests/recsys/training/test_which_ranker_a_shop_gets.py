"""Of which models a ranker is the mean, what they look at and who judges it, where questions are few and plenty."""

import numpy as np
import pytest

from recsys.ranking.candidates import Candidates
from recsys.ranking.features import feature_names
from recsys.ranking.ranker import NETWORK, Judged, Ranker
from recsys.training import ranker_training as ensembles
from recsys.training.ranker_training import TrainedRanker, ensemble
from recsys.training.ranking_dataset import Examples
from recsys.training.validation_set import Deciding

SHOPPERS, EACH = 80, 12
NAMES = feature_names(("popular",))
TELLING = NAMES.index("popular_score")


@pytest.fixture(autouse=True)
def _short_lessons(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ensembles, "FOR_FEW", ((ensembles.SMALL, 5), (ensembles.SMOOTH, 5)))
    monkeypatch.setattr(ensembles, "BESIDE", ((ensembles.CALM, 5), (ensembles.SMOOTH, 5)))
    monkeypatch.setattr(ensembles, "HEAT_ROUNDS", 20)


def fold(seed: int, *, hits: int = 1, telling: float = 1.0) -> Examples:
    """Return the candidates of eighty shoppers, of which the hit scores `telling` more; all else is silent."""
    rows, items = np.repeat(np.arange(SHOPPERS), EACH), np.tile(np.arange(EACH), SHOPPERS)
    rng = np.random.default_rng(seed)
    labels = items == rng.integers(EACH, size=SHOPPERS)[rows] if hits else np.zeros(len(rows), bool)
    features = np.zeros((len(rows), len(NAMES)), np.float32)
    features[:, TELLING] = telling * labels + telling * rng.random(len(rows)) / 4
    nothing = np.zeros((len(rows), 1), np.float32)
    return Examples(Candidates(rows, items, nothing, nothing, ("popular",), SHOPPERS), features, labels)


def judges(asked: Examples) -> Deciding:
    """Return the questions of a fold, two of each shopper."""
    wanted = [np.flatnonzero(own) for own in asked.labels.reshape(SHOPPERS, EACH)]
    return Deciding(asked, wanted, [own < 0 for own in wanted], np.arange(SHOPPERS) // 2, EACH)


def given(*, pooled: bool, telling: float = 1.0) -> TrainedRanker:
    early, late = [fold(1, telling=telling), fold(2, telling=telling)], fold(3, telling=telling)
    found = ensemble(early, late, judges(late), pooled=pooled, seed=7)
    assert found is not None
    return found


@pytest.mark.parametrize("pooled", [True, False])
def test_it_finds_what_it_was_shown_and_says_by_which_feature(pooled: bool) -> None:
    found = given(pooled=pooled)

    assert len(found.values) == SHOPPERS
    assert found.values.mean() > 0.9
    assert set(found.importance) == set(NAMES)
    assert {name for name, loss in found.importance.items() if loss} == {"popular_score"}
    assert found.names == (NAMES if pooled else ("popular_score",)), "where questions are plenty silent ones go"
    assert [NAMES[at] for at in found.columns] == list(found.names)


def test_where_no_feature_tells_anything_all_stay() -> None:
    assert given(pooled=False, telling=0.0).names == NAMES


@pytest.mark.parametrize("pooled", [True, False])
def test_without_hits_to_learn_from_or_to_be_judged_by_there_is_none(pooled: bool) -> None:
    late, silent = fold(3), fold(4, hits=0)

    assert ensemble([silent, silent], late, judges(late), pooled=pooled, seed=7) is None
    assert ensemble([late, late], silent, judges(silent), pooled=pooled, seed=7) is None
    assert ensemble([silent, late], late, judges(late), pooled=pooled, seed=7) is not None


def test_a_network_is_none_of_few_candidates(monkeypatch: pytest.MonkeyPatch) -> None:
    def networks(least: int) -> list[bool]:
        monkeypatch.setattr(ensembles, "FEW_PAIRS", least)
        return [params.get("objective") == NETWORK for params, _ in given(pooled=True).members]

    pairs = 2 * SHOPPERS * EACH
    assert networks(pairs) == [False, True]
    assert networks(pairs + 1) == [False]


def test_trees_that_validation_stops_are_grown_a_little_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ensembles, "LEAST_ROUNDS", 9)
    monkeypatch.setattr(ensembles, "ROUNDS", 30)

    stopped = given(pooled=False, telling=0.0).members[: len(ensembles.GROWN)]

    assert [rounds for _, rounds in stopped] == [9, 9], "none of them helps"
    assert [params for params, _ in stopped] == list(ensembles.GROWN)


def test_where_questions_are_few_each_shopper_is_judged_by_what_others_taught(monkeypatch: pytest.MonkeyPatch) -> None:
    late = fold(3)
    late.features[:, 0] = late.candidates.rows // 2  # who is asked
    asked = judges(late)
    taught: list[set[int]] = []

    def mean_of(members: object, learnt: Judged, *args: object, **more: object) -> Ranker:
        taught.append(set(learnt.features[:, 0].astype(int).tolist()))
        return Ranker((), (), NAMES)

    monkeypatch.setattr(ensembles, "mean_of", mean_of)

    ensemble([fold(1), fold(2)], late, asked, pooled=True, seed=7)

    held = [set(range(SHOPPERS // 2)) - others for others in taught[1:]]
    assert len(held) == ensembles.PARTS
    assert sorted(shopper for part in held for shopper in part) == list(range(SHOPPERS // 2)), "each is held out once"

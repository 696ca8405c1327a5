"""Importance of a feature: what answers lose when it is shuffled among the candidates that may come into them."""

from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from recsys.data.folds import Fold
from recsys.data.profile import Profile
from recsys.evaluation.importance import permutation_importance
from recsys.evaluation.report import ablation
from recsys.ranking.candidates import Candidates
from recsys.ranking.ranker import Judged, Lesson, Ranker
from recsys.training import importance
from recsys.training.ranking_dataset import Examples
from tests.recsys.shops import catalogue, interactions

SHOPPERS, EACH = 60, 40
NAMES = ("useful", "noise", "silent")


@pytest.fixture(scope="module")
def asked() -> tuple[Ranker, Examples, list[Any]]:
    rng = np.random.default_rng(7)
    rows, items = np.repeat(np.arange(SHOPPERS), EACH), np.tile(np.arange(EACH), SHOPPERS)
    features = rng.random((len(rows), 3)).astype(np.float32)
    features[:, 2] = 0
    labels = features[:, 0] > 0.9
    pairs = Examples(Candidates(rows, items, features, features, NAMES, SHOPPERS), features, labels)
    lesson = Lesson(Judged(features, labels.astype(np.int32), np.full(SHOPPERS, EACH)), NAMES, seed=7)
    model = lesson.model({"min_data_in_leaf": 20}, 20)
    return Ranker((model,), (1.0,), NAMES), pairs, [items[labels & (rows == row)] for row in range(SHOPPERS)]


@pytest.mark.parametrize("depth", [15, 100])
def test_what_answers_rest_on_is_found_among_the_first_candidates(
    monkeypatch: pytest.MonkeyPatch, asked: tuple[Ranker, Examples, list[Any]], depth: int
) -> None:
    monkeypatch.setattr(importance, "SHUFFLED_RANKS", depth)
    ranker, pairs, targets = asked
    before = pairs.features.copy()

    losses = permutation_importance(ranker, pairs, targets, EACH, columns=np.arange(3), seed=7)

    assert losses["useful"] > 0.1
    assert abs(losses["noise"]) < 0.1 * losses["useful"]
    assert losses["silent"] == 0
    assert (pairs.features == before).all()


@pytest.mark.parametrize("feature", ["good_score", "good_rank", "good_of_top", "agreeing"])
def test_a_source_that_falls_silent_is_heard_in_no_feature(feature: str) -> None:
    """Two candidates of each shopper, the second right: `good` and `poor` propose both, and one feature decides."""
    rows, items = np.repeat(np.arange(30), 2), np.tile(np.arange(2), 30)
    ranks = np.column_stack([1 - items, np.zeros(60)]).astype(np.float32)
    ranks[items == 0, 0] = np.nan
    pairs = Candidates(rows, items, np.zeros((60, 2), np.float32), ranks, ("good", "poor"), 30)
    names = ("good_score", "good_rank", "good_of_top", "agreeing")
    features = np.column_stack([items, items, items, 1 + items]).astype(np.float32)
    at = names.index(feature)
    ranker = SimpleNamespace(names=names, scores=lambda seen: np.nan_to_num(seen[:, at]))
    bundle = SimpleNamespace(ranker=ranker, columns=lambda sources: np.arange(4))
    profiles = [Profile.empty(0.0)] * 30
    fold = Fold(interactions([], n_users=30), catalogue(2), np.arange(30), profiles, [np.array([1])] * 30, 0.0, False)

    losses = ablation(cast("Any", bundle), fold, Examples(pairs, features, items == 1))

    assert losses["good"] > 0.3
    assert losses["poor"] == 0.0


def test_what_a_silent_source_alone_proposed_is_shown_no_more() -> None:
    """Two candidates of each shopper, the second right, which only `good` proposes: without it nothing is right."""
    rows, items = np.repeat(np.arange(30), 2), np.tile(np.arange(2), 30)
    ranks = np.where(np.column_stack([items, 1 - items]) > 0, 0, np.nan).astype(np.float32)
    pairs = Candidates(rows, items, np.zeros((60, 2), np.float32), ranks, ("good", "poor"), 30)
    features = np.column_stack([items, items]).astype(np.float32)
    ranker = SimpleNamespace(names=("price", "age"), scores=lambda seen: seen[:, 0].copy())
    bundle = SimpleNamespace(ranker=ranker, columns=lambda sources: np.arange(2))
    profiles = [Profile.empty(0.0)] * 30
    fold = Fold(interactions([], n_users=30), catalogue(2), np.arange(30), profiles, [np.array([1])] * 30, 0.0, False)

    losses = ablation(cast("Any", bundle), fold, Examples(pairs, features, items == 1))

    assert losses == {"good": 1.0, "poor": 0.0}

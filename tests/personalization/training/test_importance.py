"""Importance of a feature: what answers lose when it is shuffled among the candidates that may come into them."""

from typing import Any

import numpy as np
import pytest

from personalization.ranking.candidates import Candidates
from personalization.ranking.ranker import Judged, Lesson, Ranker
from personalization.training import importance
from personalization.training.examples import Examples
from personalization.training.importance import permutation_importance

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
    monkeypatch.setattr(importance, "DEPTH", depth)
    ranker, pairs, targets = asked
    before = pairs.features.copy()

    losses = permutation_importance(ranker, pairs, targets, EACH, columns=np.arange(3), seed=7)

    assert losses["useful"] > 0.1
    assert abs(losses["noise"]) < 0.1 * losses["useful"]
    assert losses["silent"] == 0
    assert (pairs.features == before).all()

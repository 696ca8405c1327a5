"""What answers lose when a feature is shuffled among the candidates, and when a source falls silent."""

from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from recsys.data.folds import Fold
from recsys.data.profile import Profile
from recsys.evaluation import importance
from recsys.evaluation.importance import permutation_importance
from recsys.evaluation.report import ablation
from recsys.ranking.candidates import Candidates
from recsys.ranking.ranker import Ranker, RankingDataset
from recsys.training.ranking_dataset import LabeledCandidates
from recsys.training.refit import fit_ranker
from tests.recsys.shops import catalog, interactions

SHOPPERS, EACH = 60, 40
NAMES = ("useful", "noise", "silent")


def fold_of(targets: list[Any], n_items: int) -> Fold:
    """Return a fold that asks for these targets."""
    n, profiles = len(targets), [Profile.empty(0.0)] * len(targets)
    return Fold(interactions([], n_users=n), catalog(n_items), np.arange(n), profiles, targets, 0.0, False)


@pytest.mark.parametrize("depth", [15, 100])
@pytest.mark.parametrize("objective", ["lambdarank", "network"])
def test_the_planted_feature_is_found_among_the_first_candidates(
    depth: int, objective: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importance, "SHUFFLED_RANKS", depth)
    rng = np.random.default_rng(7)
    rows, items = np.repeat(np.arange(SHOPPERS), EACH), np.tile(np.arange(EACH), SHOPPERS)
    features = rng.random((len(rows), 3)).astype(np.float32)
    features[:, 2] = 0
    labels = features[:, 0] > 0.9
    candidates = LabeledCandidates(Candidates(rows, items, features, features, NAMES, SHOPPERS), features, labels)
    train_set = RankingDataset(features, labels.astype(np.int32), np.full(SHOPPERS, EACH))
    ranker = fit_ranker([({"objective": objective, "min_data_in_leaf": 20}, 30)], train_set, NAMES, seed=7)
    assert isinstance(ranker, Ranker)
    before = features.copy()

    losses = permutation_importance(
        ranker, candidates, fold_of([items[labels & (rows == row)] for row in range(SHOPPERS)], EACH), seed=7
    )

    assert max(losses, key=lambda name: losses[name]) == "useful"
    assert losses["useful"] > 0.1
    assert losses["noise"] < 0.1 * losses["useful"]
    assert losses["silent"] == 0
    assert (features == before).all()


def two_sources(
    ranks: list[list[float]], features: np.ndarray, names: tuple[str, ...], column: int
) -> dict[str, float]:
    """Return the ablation where 30 shoppers have two candidates, the second right, and one feature decides."""
    rows, items = np.repeat(np.arange(30), 2), np.tile(np.arange(2), 30)
    per_pair = np.tile(np.array(ranks, np.float32), (30, 1))
    pairs = Candidates(rows, items, np.zeros((60, 2), np.float32), per_pair, ("good", "poor"), 30)
    ranker = SimpleNamespace(names=names, scores=lambda values: np.nan_to_num(values[:, column]))
    candidates = LabeledCandidates(pairs, np.tile(features, (30, 1)).astype(np.float32), items == 1)
    return ablation(cast("Any", SimpleNamespace(ranker=ranker)), fold_of([np.array([1])] * 30, 2), candidates)


@pytest.mark.parametrize("feature", ["good_score", "good_rank", "good_of_top", "agreeing"])
def test_a_source_that_falls_silent_is_in_no_feature(feature: str) -> None:
    """`good` proposes the right candidate alone, `poor` proposes both."""
    names = ("good_score", "good_rank", "good_of_top", "agreeing")
    features = np.array([[0, 0, 0, 1], [1, 1, 1, 2]])

    losses = two_sources([[np.nan, 0], [0, 0]], features, names, names.index(feature))

    assert losses["good"] > 0.3
    assert losses["poor"] == 0.0


def test_what_a_silent_source_alone_proposed_is_shown_no_more() -> None:
    losses = two_sources([[np.nan, 0], [0, np.nan]], np.array([[0, 0], [1, 1]]), ("price", "age"), 0)

    assert losses == {"good": 1.0, "poor": 0.0}

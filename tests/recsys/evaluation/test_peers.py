"""Peers find planted tastes, are judged on as many questions as our sources, and stand beside us in the report."""

import sys
from collections.abc import Sequence
from typing import ClassVar

import numpy as np
import pandas as pd
import pytest
from implicit.nearest_neighbours import bm25_weight
from scipy import sparse

from recsys.arrays import Doubles, Ints
from recsys.data.catalog import Catalog
from recsys.data.dataset import Dataset, build
from recsys.data.folds import Fold, temporal
from recsys.data.interactions import Interactions
from recsys.evaluation.evaluate import (
    Options,
    compare_peers,
    folds_of,
    warm_values,
)
from recsys.evaluation.peers.base import (
    MostPopular,
    Peer,
    profile_matrix,
    top_k_columns,
)
from recsys.evaluation.peers.packaged import (
    BM25,
    TFIDF,
    Cosine,
    ImplicitALS,
    ImplicitNeighbors,
    TutorialSVD,
    peers,
)
from recsys.evaluation.report import metrics_by_targets
from recsys.training.source_settings import SourceSettings
from tests.recsys.shop_history import (
    DAY,
    START,
    history,
    products,
)

KINDS, _ = peers("next-item")


@pytest.fixture(scope="module")
def shop() -> Dataset:
    return build(history(), products())


@pytest.mark.parametrize("new_only", [False, True])
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_a_peer_answers_with_products_of_the_shop(kind: type[Peer], new_only: bool, shop: Dataset) -> None:
    test = folds_of(shop, Options(new_only=new_only)).test
    peer = kind()

    peer.fit(test.past, shop.catalog)
    slates = peer.answer(test, 10)

    assert slates.shape == (len(test), 10)
    for slate, profile in zip(slates, test.profiles, strict=True):
        shown = slate[slate >= 0]
        assert len(set(shown.tolist())) == len(shown)
        assert (shown < shop.catalog.n_items).all()
        if new_only and len(shown):
            assert not np.isin(shown[:5], profile.items).any()


@pytest.mark.parametrize("kind", [one for one in KINDS if one.starts], ids=lambda kind: kind.name)
def test_settings_are_judged_on_the_questions_of_earlier_folds_too(
    kind: type[Peer], shop: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    windows = folds_of(shop, Options(new_only=True))
    folds = [windows.validation, *reversed(windows.learning)]
    fold_sizes: list[int] = []
    values = kind.values

    def counted(own: Peer, fold: Fold) -> Doubles:
        fold_sizes.append(len(fold))
        return values(own, fold)

    monkeypatch.setattr(kind, "values", counted)

    tuned = kind.tuned(folds, budget_s=0.0, seed=7)

    assert tuned.trials == 1 + len(kind.starts)
    assert fold_sizes == [len(fold) for fold in folds] * tuned.trials


def test_a_peer_that_does_not_load_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "lightfm", None)

    available, missing = peers("temporal")

    assert missing == ["LightFM"]
    assert "LightFM" not in {kind.name for kind in available}


def test_popular_is_what_most_shoppers_had() -> None:
    rows = [("u0", "often")] * 5 + [(f"u{one}", "by many") for one in range(3)]
    frame = pd.DataFrame(rows, columns=["user_id", "item_id"]).assign(event="view", value=1.0)
    frame["timestamp"] = START + np.arange(len(frame)) * DAY
    shop = build(frame, None)
    peer = MostPopular()

    peer.fit(shop.interactions, shop.catalog)

    assert shop.catalog.item_ids[int(np.argmax(peer.counts))] == "by many"


def test_the_best_peer_stands_beside_us(shop: Dataset) -> None:
    options = Options(with_peers=True)
    windows = folds_of(shop, options)
    test = windows.test
    ours = MostPopular()
    ours.fit(test.past, shop.catalog)
    slates = ours.answer(test, 20)

    report = compare_peers(
        slates, [windows.validation, *windows.learning], test, shop, options, lambda message, share: None
    )

    values = {name: one["warm"]["ndcg@10"]["value"] for name, one in report["peers"].items()}
    assert set(values) == {kind.name for kind in peers("temporal")[0]}
    assert values[report["best_peer"]] == max(values.values()) > 0.4
    mine = metrics_by_targets(slates, test)["warm"]["ndcg@10"]["value"]
    assert report["over_best_peer"]["difference"]["value"] == pytest.approx(mine - max(values.values()))


def test_als_weighs_cells_as_the_package_does(shop: Dataset) -> None:
    test = folds_of(shop, Options()).test
    matrix = profile_matrix(test, range(len(test)), shop.catalog.n_items)
    peer = ImplicitALS(K1=1.2, B=0.4, factors=4, iterations=1)

    peer.learn(matrix)

    theirs = bm25_weight(matrix.T.tocsr(), K1=1.2, B=0.4).T.toarray()
    assert np.allclose(peer.bm25_weighted(matrix).toarray(), theirs, rtol=1e-5)
    assert ImplicitALS().bm25_weighted(matrix) is ImplicitALS(K1=None, B=0.4).bm25_weighted(matrix) is matrix


def test_of_equal_scores_the_lower_code_comes_first_also_at_the_end() -> None:
    scores = np.zeros((2, 400), np.float32)
    scores[1, [399, 7]] = 2.0, 1.0
    hidden = sparse.csr_matrix(([1.0], ([0], [3])), shape=scores.shape)

    assert top_k_columns(scores, hidden, 5).tolist() == [[0, 1, 2, 4, 5], [399, 7, 0, 1, 2]]
    assert top_k_columns(np.full((1, 40), np.nan), None, 3).tolist() == [[0, 1, 2]]


@pytest.mark.parametrize("kind", [Cosine, TFIDF, BM25])
def test_neighbors_may_learn_from_how_much_events_count(kind: type[ImplicitNeighbors]) -> None:
    rows = history()
    shop = build(rows.assign(event=np.where(np.arange(len(rows)) % 3, "view", "purchase")), products())
    test = folds_of(shop, Options()).test
    plain, weighed = kind(K=20), kind(K=20, weighed=True)
    for peer in (plain, weighed):
        peer.fit(test.past, shop.catalog)

    assert {"weighed": True} in kind.starts
    assert plain.answer(test, 10).shape == weighed.answer(test, 10).shape
    assert (plain.model.similarity != weighed.model.similarity).nnz


def test_svd_learns_tastes_from_ratings_that_are_all_the_same_only_without_biases() -> None:
    shoppers, items = np.arange(80), np.arange(40)
    taste = (shoppers[:, None] % 2) == (items % 2)
    had = sparse.csr_matrix(np.where(taste & (np.random.default_rng(5).random(taste.shape) < 0.5), 1.0, 0.0))

    def hit_rate(**settings: object) -> float:
        peer = TutorialSVD(**settings)
        peer.n_items = len(items)
        peer.learn(had)
        scores = peer.scores(shoppers.astype(np.int32), had)
        best = np.where(had.toarray() > 0, -np.inf, scores).argmax(axis=1)
        return float(taste[shoppers, best].mean())

    *_, without = TutorialSVD.starts
    assert hit_rate(**without) > 0.8 > hit_rate()


def test_svd_learns_from_stars_where_shoppers_give_them() -> None:
    rows = [
        (f"u{shopper:02d}", f"i{item:02d}", 1_700_000_000 + item, "rating", 5.0 if shopper % 2 == item % 2 else 1.0)
        for shopper in range(40)
        for item in range(30)
        if (shopper * 7 + item * 3) % 5
    ]
    rows += [("u00", "i00", 1_700_000_100, "view", 1.0), ("viewer", "i01", 1_700_000_100, "view", 1.0)]
    shop = build(pd.DataFrame(rows, columns=["user_id", "item_id", "timestamp", "event", "value"]))
    everyone = np.arange(len(shop.user_ids), dtype=np.int32)

    def taste(**settings: object) -> float:
        peer = TutorialSVD(**settings)
        peer.fit(shop.interactions, shop.catalog)
        scores = peer.scores(everyone, sparse.csr_matrix((0, 0)))
        assert np.isfinite(scores).all()
        own = np.array([int(item[1:]) % 2 for item in shop.catalog.item_ids])
        best = own[scores.argmax(axis=1)]
        return float(
            np.mean([best[at] == int(user[1:]) % 2 for at, user in enumerate(shop.user_ids) if user[1:].isdigit()])
        )

    assert taste(rated=True) > 0.9 > taste()


class Telling(MostPopular):
    """Answers rightly under the third of its settings, and notes how much it learnt from."""

    name, space = "telling", {"good": ("choice", [False])}
    starts = ({"good": False}, {"good": True})
    learnt: ClassVar[list[int]] = []
    budgets: ClassVar[list[float]] = []

    @classmethod
    def tuned(cls, folds: Sequence[Fold], *, budget_s: float, seed: int) -> SourceSettings:
        cls.budgets.append(budget_s)
        return super().tuned(folds, budget_s=0.0, seed=seed)

    def fit(self, past: Interactions, catalog: Catalog) -> None:
        self.learnt.append(len(past))
        super().fit(past, catalog)

    def answer(self, fold: Fold, k: int) -> Ints:
        slates = np.full((len(fold), k), -1, np.int32)
        slates[:, 0] = [own[0] if self.config.get("good") else -1 for own in fold.targets]
        return slates


def test_a_peer_gets_its_share_of_the_time_its_best_settings_and_all_that_lies_before_the_test(
    shop: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("recsys.evaluation.evaluate.peers", lambda protocol: ([MostPopular, Telling], []))
    options = Options(with_peers=True, budget_s=60.0)
    windows = folds_of(shop, options)
    test = windows.test
    nothing = np.full((len(test), 20), -1, np.int32)

    report = compare_peers(
        nothing, [windows.validation, *windows.learning], test, shop, options, lambda message, share: None
    )

    assert report["best_peer"] == "telling"
    assert report["peers"]["telling"]["config"] == {"good": True}
    assert Telling.learnt[-1] == len(test.past)
    assert Telling.budgets == [60.0], "who has nothing to tune takes no time from the others"


def test_what_no_model_could_know_does_not_count_in_the_comparison() -> None:
    rows = [("ann", "a", 1), ("bob", "b", 2), ("ann", "new", 101), ("bob", "new", 102), ("bob", "a", 103)]
    shop = build(pd.DataFrame(rows, columns=["user_id", "item_id", "timestamp"]).assign(event="view"))
    fold = temporal(shop, start=100.0, end=float("inf"), new_only=False)
    new = shop.catalog.item_ids.index("new")

    values, shoppers = warm_values(np.full((2, 1), new, np.int32), fold, metric="hit_rate")

    assert (values.tolist(), [shop.user_ids[user] for user in shoppers]) == ([0.0], ["bob"])

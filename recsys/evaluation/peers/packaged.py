"""Peers from packages: `implicit`, `scikit-surprise`, and `lightfm-next` if it is installed."""

import warnings
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
from implicit.cpu.als import AlternatingLeastSquares
from implicit.cpu.bpr import BayesianPersonalizedRanking
from implicit.nearest_neighbours import BM25Recommender, CosineRecommender, TFIDFRecommender
from implicit.utils import ParameterWarning
from scipy import sparse
from surprise import SVD, Dataset, Reader
from threadpoolctl import threadpool_limits

from recsys.arrays import Floats, Ints
from recsys.data.interactions import Interactions
from recsys.data.opinions import latest_ratings
from recsys.evaluation.peers.base import (
    Matrix,
    MatrixPeer,
    MostPopular,
    Peer,
    Space,
    own_recommender,
)
from recsys.evaluation.peers.item_pairs import ITEM_PAIRS
from recsys.evaluation.peers.session import VSKNN, SequenceRules
from recsys.evaluation.peers.vstan import VSTAN

NEIGHBORS = ("choice", [20, 50, 100, 200, 500, 1000])


class ImplicitNeighbors(MatrixPeer):
    """Item-kNN with one of implicit's similarities, on counts or, with `weighed`, on sums of event weights.

    NDCG@10 on RetailRocket, repeat, with the package's defaults: BM25 .0444, weighed .0531. `weighed` is a start and
    not part of the search: where all events count alike it would waste half of the few trials (groceries .3263 instead
    of .3669).
    """

    model_class: ClassVar[Any]
    starts: ClassVar[Sequence[Mapping[str, Any]]] = ({"weighed": True},)
    space: ClassVar[Space] = {"K": NEIGHBORS}

    def learn(self, matrix: Matrix) -> None:
        """Fit the similarity matrix."""
        self.model = self.model_class(**{name: value for name, value in self.config.items() if name != "weighed"})
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ParameterWarning)  # from a conversion inside implicit
            self.model.fit(matrix, show_progress=False)

    def scores(self, users: Ints, histories: Matrix) -> Floats:
        """Return histories times similarities."""
        return np.asarray((histories @ self.model.similarity).toarray(), np.float32)


class Cosine(ImplicitNeighbors):
    name, model_class = "implicit cosine", CosineRecommender


class TFIDF(ImplicitNeighbors):
    name, model_class = "implicit TF-IDF", TFIDFRecommender


class BM25(ImplicitNeighbors):
    """BM25. A start has no length normalization (`B` 0), for few shoppers: RetailRocket .0278 instead of .0084."""

    name, model_class = "implicit BM25", BM25Recommender
    starts: ClassVar[Sequence[Mapping[str, Any]]] = ({"weighed": True}, {"K": 500, "K1": 0.35, "B": 0.0})
    space: ClassVar[Space] = {
        "K": NEIGHBORS,
        "K1": ("float", 0.1, 3.0, True),
        "B": ("float", 0.0, 1.0, False),
    }


class ImplicitALS(MatrixPeer):
    """Alternating least squares; with `K1` and `B` on cells with BM25 weights, as in the package's tutorial.

    NDCG@10 on Beauty: .0252 without BM25 weights (best of six settings), .0274 with them.
    """

    name = "implicit ALS"
    starts: ClassVar[Sequence[Mapping[str, Any]]] = (
        {"factors": 128, "regularization": 100.0, "alpha": 20.0},
        {"factors": 128, "regularization": 30.0, "alpha": 20.0},
        {"factors": 256, "regularization": 40.0, "alpha": 20.0},
        {"factors": 256, "regularization": 60.0, "alpha": 5.0, "K1": 1.2, "B": 0.4},
    )
    space: ClassVar[Space] = {
        "factors": ("choice", [32, 64, 128, 256]),
        "regularization": ("float", 0.1, 300.0, True),
        "alpha": ("float", 0.5, 60.0, True),
        "iterations": ("int", 5, 20),
        "K1": ("choice", [None, 0.4, 1.2, 3.0]),
        "B": ("float", 0.0, 1.0, False),
    }

    def learn(self, matrix: Matrix) -> None:
        """Fit the factors with one BLAS thread: with more, the package's own threads take up to six times as long."""
        self.popularity = np.asarray(matrix.sum(axis=0), np.float64).ravel()
        settings = {name: value for name, value in self.config.items() if name not in ("K1", "B")}
        with threadpool_limits(1, "blas"):
            self.model = AlternatingLeastSquares(**settings, random_state=7)
            self.model.fit(self.bm25_weighted(matrix), show_progress=False)

    def bm25_weighted(self, matrix: Matrix) -> Matrix:
        """Return the matrix with weights as of `implicit.nearest_neighbours.bm25_weight`, with items as documents.

        Lengths are the popularity in the training data, also for histories.
        """
        k1, b = self.config.get("K1"), self.config.get("B", 0.0)
        if k1 is None:
            return matrix
        cells = matrix.tocoo()
        rarity = np.log(matrix.shape[1]) - np.log1p(np.bincount(cells.row, minlength=cells.shape[0]))
        length = (1.0 - b) + b * self.popularity / max(self.popularity.mean(), 1e-9)
        data = cells.data * (k1 + 1.0) / (k1 * length[cells.col] + cells.data) * rarity[cells.row]
        return sparse.csr_matrix((data.astype(np.float32), (cells.row, cells.col)), shape=cells.shape)

    def scores(self, users: Ints, histories: Matrix) -> Floats:
        """Return scores of user factors folded in from the histories."""
        with threadpool_limits(1, "blas"):
            factors = self.model.recalculate_user(np.arange(histories.shape[0]), self.bm25_weighted(histories))
        return np.asarray(factors @ self.model.item_factors.T, np.float32)


class ImplicitBPR(MatrixPeer):
    name = "implicit BPR"
    space: ClassVar[Space] = {
        "factors": ("choice", [32, 64, 128]),
        "regularization": ("float", 0.001, 0.2, True),
        "learning_rate": ("float", 0.005, 0.2, True),
        "iterations": ("int", 20, 150),
    }

    def learn(self, matrix: Matrix) -> None:
        """Fit the factors."""
        # With several threads the same seed gives another model each time.
        self.model = BayesianPersonalizedRanking(**self.config, random_state=7, num_threads=1)
        self.model.fit(matrix, show_progress=False)

    def scores(self, users: Ints, histories: Matrix) -> Floats:
        """Return scores of the fitted user factors."""
        return np.asarray(self.model.user_factors[users] @ self.model.item_factors.T, np.float32)


class TutorialSVD(MatrixPeer):
    """Surprise SVD as in its tutorial: all items ranked by the estimated rating.

    The rating is the number of a shopper's events on the item, clipped to `most`. `weighed` sums event weights; `rated`
    uses real ratings only, where there are any and they differ.
    Where all ratings are equal, biases explain them and the factors rank by chance (NDCG@10 on Beauty .0003). Without
    biases it is .0021 with the package's other defaults, .0040 with fewer factors and more epochs.
    """

    name = "Surprise SVD"
    starts: ClassVar[Sequence[Mapping[str, Any]]] = (
        {"rated": True},
        {"most": 10},
        {"most": 10, "weighed": True},
        {"biased": False},
        {"biased": False, "n_factors": 20, "n_epochs": 60},
    )

    def cell_values(self, past: Interactions) -> Floats:
        """Return 1 per row, with `weighed` its weight, with `rated` the stars of the latest ratings and 0 elsewhere."""
        rating_rows = latest_ratings(past, until=np.inf) if self.config.get("rated") else np.empty(0, np.int64)
        if len(rating_rows) and np.ptp(past.values[rating_rows]):
            values = np.zeros(len(past), np.float32)
            values[rating_rows] = past.values[rating_rows]
            return values
        return super().cell_values(past)

    def learn(self, matrix: Matrix) -> None:
        """Fit the factors."""
        settings = {name: value for name, value in self.config.items() if name not in ("most", "weighed", "rated")}
        matrix.eliminate_zeros()
        cells = matrix.tocoo()
        scale = (1, self.config.get("most", 5))
        if self.config.get("rated"):
            scale = (cells.data.min(initial=1), cells.data.max(initial=5))
        stars = np.clip(cells.data, *scale)
        ratings = [
            (user, item, value, None)
            for user, item, value in zip(cells.row.tolist(), cells.col.tolist(), stars.tolist(), strict=True)
        ]
        self.trainset = Dataset(Reader(rating_scale=scale)).construct_trainset(ratings)
        self.model = SVD(random_state=7, **settings)
        self.model.fit(self.trainset)

    def scores(self, users: Ints, histories: Matrix) -> Floats:
        """Return the estimates of items in the training set, -1e9 for others; unknown shoppers get item biases."""
        known_items = np.fromiter((self.trainset.to_raw_iid(i) for i in range(self.trainset.n_items)), np.int64)
        scores = np.full((len(users), self.n_items), -1e9, np.float32)
        scores[:, known_items] = self.model.bi
        rated_rows = np.flatnonzero([self.trainset.knows_user(self._inner_user(user)) for user in users.tolist()])
        inner = [self._inner_user(user) for user in users[rated_rows].tolist()]
        scores[np.ix_(rated_rows, known_items)] += self.model.pu[inner] @ self.model.qi.T
        return scores

    def _inner_user(self, user: int) -> int:
        """Return the trainset's inner id of a shopper, -1 for an unknown one."""
        try:
            return int(self.trainset.to_inner_uid(user))
        except ValueError:
            return -1


class LightFMPeer(MatrixPeer):
    """LightFM with the WARP loss. NDCG@10 on Beauty: .0086 with the package's defaults, .0148 with `starts`."""

    name = "LightFM"
    starts: ClassVar[Sequence[Mapping[str, Any]]] = (
        {"no_components": 128, "learning_rate": 0.05, "item_alpha": 1e-6, "user_alpha": 1e-6, "epochs": 40},
    )
    space: ClassVar[Space] = {
        "no_components": ("choice", [32, 64, 128]),
        "learning_rate": ("float", 0.01, 0.1, True),
        "item_alpha": ("float", 1e-7, 1e-4, True),
        "epochs": ("int", 10, 40),
    }

    def learn(self, matrix: Matrix) -> None:
        """Fit the representations."""
        from lightfm import LightFM

        settings = {"loss": "warp", "random_state": 7, **self.config}
        epochs = settings.pop("epochs", 20)
        self.model = LightFM(**settings)
        self.model.fit((matrix > 0).astype(np.float32).tocoo(), epochs=epochs, num_threads=1)

    def scores(self, users: Ints, histories: Matrix) -> Floats:
        """Return scores of the fitted user representations."""
        biases, items = self.model.get_item_representations()
        _, shoppers = self.model.get_user_representations()
        return np.asarray(shoppers[users] @ items.T + biases, np.float32)


RP3BETA_FOR_RARE_VISITS: Mapping[str, Any] = {
    "alpha": 0.33,
    "beta": 0.05,
    "matrix_half_life_days": 375.0,
    "half_life_days": 300.0,
    "step": 0.95,
    "gap_minutes": 1440.0,
}
"""Settings of RP3beta for rare visits. NDCG@10 on Beauty: .0270, which a search finds in half a minute; .0258 after
five seconds."""


def peers(protocol: str) -> tuple[list[type[Peer]], list[str]]:
    """Return the peer classes of a protocol, and the names of peers whose package is not installed."""
    peer_classes: list[type[Peer]] = [
        MostPopular,
        own_recommender("recent popular", "popular"),
        own_recommender("personal top", "personal_top"),
        ImplicitALS,
        ImplicitBPR,
        Cosine,
        TFIDF,
        BM25,
        own_recommender("EASE", "ease"),
        own_recommender("RP3beta", "rp3beta", RP3BETA_FOR_RARE_VISITS),
        own_recommender("user-kNN", "user_knn"),
        TutorialSVD,
    ]
    missing = []
    try:
        import lightfm  # noqa: F401
    except ImportError:  # also if built for another machine; else it would fail after all others are tuned
        missing.append(LightFMPeer.name)
    else:
        peer_classes.append(LightFMPeer)
    if protocol in ("next-item", "product-page"):
        peer_classes += [SequenceRules, *ITEM_PAIRS, VSKNN, VSTAN]
    return peer_classes, missing

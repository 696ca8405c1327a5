"""Peers from packages: `implicit`, `scikit-surprise`, `lightfm-next` (asked for only when it is installed)."""

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

NEIGHBORS = ("choice", [20, 50, 100, 200, 500, 1000])


class ImplicitNeighbors(MatrixPeer):
    """Item neighbors by one of implicit's similarities, of how often or, `weighed`, of how much a shopper had an item.

    RetailRocket, repeat, by the packages' defaults: BM25 .0444 and weighed .0531. A start, not part of the search: of
    the few draws there is time for, half would be lost where all events count alike (groceries .3263 instead of .3669).
    """

    model_class: ClassVar[Any]
    starts: ClassVar[Sequence[Mapping[str, Any]]] = ({"weighed": True},)
    space: ClassVar[Space] = {"K": NEIGHBORS}

    def learn(self, matrix: Matrix) -> None:
        """Fit the similarities."""
        self.model = self.model_class(**{name: value for name, value in self.config.items() if name != "weighed"})
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ParameterWarning)  # of a conversion inside implicit itself
            self.model.fit(matrix, show_progress=False)

    def scores(self, users: Ints, histories: Matrix) -> Floats:
        """Return histories times similarities."""
        return np.asarray((histories @ self.model.similarity).toarray(), np.float32)


class Cosine(ImplicitNeighbors):
    name, model_class = "implicit cosine", CosineRecommender


class TFIDF(ImplicitNeighbors):
    name, model_class = "implicit TF-IDF", TFIDFRecommender


class BM25(ImplicitNeighbors):
    """With popular items no longer than others (`B` 0) where shoppers are few: RetailRocket .0278 instead of .0084."""

    name, model_class = "implicit BM25", BM25Recommender
    starts: ClassVar[Sequence[Mapping[str, Any]]] = ({"weighed": True}, {"K": 500, "K1": 0.35, "B": 0.0})
    space: ClassVar[Space] = {
        "K": NEIGHBORS,
        "K1": ("float", 0.1, 3.0, True),
        "B": ("float", 0.0, 1.0, False),
    }


class ImplicitALS(MatrixPeer):
    """Alternating least squares; with `K1` and `B` on cells weighed by BM25, as in the package's tutorial.

    Beauty, unweighed .0252 at best of six settings, weighed .0274.
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
        """Fit the factors, in threads of the package's own: those of BLAS among them take up to six times as long."""
        self.popularity = np.asarray(matrix.sum(axis=0), np.float64).ravel()
        settings = {name: value for name, value in self.config.items() if name not in ("K1", "B")}
        with threadpool_limits(1, "blas"):
            self.model = AlternatingLeastSquares(**settings, random_state=7)
            self.model.fit(self.bm25_weighted(matrix), show_progress=False)

    def bm25_weighted(self, matrix: Matrix) -> Matrix:
        """Return the cells times what `implicit.nearest_neighbours.bm25_weight` makes of them, items as documents.

        Histories are weighed by the popularity that was learnt from, not by their own.
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
        """Return scores of shoppers folded in from their histories."""
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
        # Several threads write over each other, and the same seed gives another model each time.
        self.model = BayesianPersonalizedRanking(**self.config, random_state=7, num_threads=1)
        self.model.fit(matrix, show_progress=False)

    def scores(self, users: Ints, histories: Matrix) -> Floats:
        """Return scores by the shoppers' learnt factors."""
        return np.asarray(self.model.user_factors[users] @ self.model.item_factors.T, np.float32)


class TutorialSVD(MatrixPeer):
    """Surprise SVD as in its tutorial: all items ranked by the estimated rating.

    A rating is how often a shopper had an item, clipped, for events say no more. `weighed` counts a purchase four
    times; `rated` learns from the stars alone, where shoppers gave them and not always the same.
    Where all ratings are the same, biases explain them all, and what is left ranks by chance (Beauty .0003); without
    biases the factors have to (.0021 with the package's other defaults, .0040 with fewer factors and more epochs).
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
        """Return one a row or, `weighed`, the weight of its event; `rated`, the stars of the latest ratings, else 0."""
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
        """Return the estimates of known items, nothing for unknown ones; a shopper without ratings gets the biases."""
        known_items = np.fromiter((self.trainset.to_raw_iid(i) for i in range(self.trainset.n_items)), np.int64)
        scores = np.full((len(users), self.n_items), -1e9, np.float32)
        scores[:, known_items] = self.model.bi
        rated_rows = np.flatnonzero([self.trainset.knows_user(self._inner_user(user)) for user in users.tolist()])
        inner = [self._inner_user(user) for user in users[rated_rows].tolist()]
        scores[np.ix_(rated_rows, known_items)] += self.model.pu[inner] @ self.model.qi.T
        return scores

    def _inner_user(self, user: int) -> int:
        """Return the trainset's number of a shopper, -1 where nothing was rated."""
        try:
            return int(self.trainset.to_inner_uid(user))
        except ValueError:
            return -1


class LightFMPeer(MatrixPeer):
    """LightFM with the WARP loss. Beauty: .0086 by the package's defaults, .0148 by what is tried next."""

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
        """Return scores by the shoppers' learnt representations."""
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
"""RP3beta for shoppers who come rarely: Beauty .0270, which a search finds in half a minute, instead of .0258 in five
seconds."""


def peers(protocol: str) -> tuple[list[type[Peer]], list[str]]:
    """Return the peers of a protocol, and the names of those whose package is not installed."""
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
    except ImportError:  # or built for another machine, which would else be told when all others are tuned
        missing.append(LightFMPeer.name)
    else:
        peer_classes.append(LightFMPeer)
    if protocol == "next-item":
        from recsys.evaluation.peers.session import VSKNN, SequenceRules

        peer_classes += [SequenceRules, VSKNN]
    return peer_classes, missing

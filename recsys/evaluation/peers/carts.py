"""Peers for carts: by the lines alone (popularity, lift, item-kNN, RP3beta, co-visitation), and by the history too."""

import warnings
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
from implicit.nearest_neighbours import BM25Recommender, CosineRecommender, TFIDFRecommender
from implicit.utils import ParameterWarning
from scipy import sparse

from recsys.arrays import Doubles, Floats, Ints
from recsys.data.catalog import Catalog
from recsys.data.folds import Fold
from recsys.data.interactions import Interactions
from recsys.data.profile import Context, Profile
from recsys.data.signals import PURCHASE
from recsys.evaluation.peers.base import (
    Matrix,
    Peer,
    Space,
    profile_matrix,
    shopper_chunks,
    stack_slates,
    top_k_columns,
)
from recsys.metrics.registry import values_with_targets
from recsys.sources.baskets import basket_item
from recsys.sources.matrix import inverse_power, scaled_columns, scaled_rows
from recsys.sources.registry import RECOMMENDERS, make
from recsys.training.cart_training import METRIC

PURCHASE_WEIGHT = 4.0


class CartPeer(Peer):
    """A peer that is tuned by recall@10."""

    def values(self, fold: Fold) -> Doubles:
        """Return float64[n]: recall@10 of each question of a fold, after fitting on its past."""
        self.fit(fold.past, fold.catalog)
        return values_with_targets(self.answer(fold, 10), fold.targets, fold.n_items, metric=METRIC)[1]


class BasketPeer(CartPeer):
    """A model over the matrix baskets x items, which scores every item for the lines of a cart."""

    def fit(self, past: Interactions, catalog: Catalog) -> None:
        """Fit on csr float32[n_baskets, n_items] of ones."""
        self.n_items = catalog.n_items
        self.learn(basket_item(past, catalog.n_items, purchases=True))

    @abstractmethod
    def learn(self, baskets: Matrix) -> None:
        """Fit on the baskets."""

    @abstractmethod
    def scores(self, lines: Matrix) -> Floats:
        """Return float32[n, n_items] for csr [n, n_items], 1 for each line."""

    def answer(self, fold: Fold, k: int) -> Ints:
        """Return the best items by score, without the lines and, where only new items count, without the history."""
        parts = []
        for rows in shopper_chunks(len(fold), self.n_items):
            lines = _line_matrix([fold.contexts[row] for row in rows], self.n_items)
            hidden = lines + profile_matrix(fold, rows, self.n_items) if fold.new_only else lines
            parts.append(top_k_columns(self.scores(lines), hidden.tocsr(), k))
        return stack_slates(parts, k)


class PopularInBaskets(BasketPeer):
    """The products in the most baskets."""

    name = "popularity in baskets"

    def learn(self, baskets: Matrix) -> None:
        """Count the baskets of each product."""
        self.counts = np.asarray(baskets.sum(axis=0), np.float32).ravel()

    def scores(self, lines: Matrix) -> Floats:
        """Return the counts."""
        return np.tile(self.counts, (lines.shape[0], 1))


class Lift(BasketPeer):
    """Association rules of one line: the sum of lift, its logarithm, or confidence, over pairs of enough baskets."""

    name = "lift"
    starts: ClassVar[Sequence[Mapping[str, Any]]] = (
        {"least": 20},
        {"least": 10, "measure": "log lift"},
        {"least": 3, "measure": "confidence"},
    )
    space: ClassVar[Space] = {
        "least": ("choice", [2, 3, 5, 10, 20, 50, 100]),
        "measure": ("choice", ["lift", "log lift", "confidence"]),
    }

    def learn(self, baskets: Matrix) -> None:
        """Count pairs."""
        pairs = (baskets.T @ baskets).tocoo()
        counts = np.asarray(baskets.sum(axis=0)).ravel()
        mask = (pairs.data >= self.config.get("least", 5)) & (pairs.row != pairs.col)
        row, col, both = pairs.row[mask], pairs.col[mask], pairs.data[mask]
        measure = self.config.get("measure", "lift")
        lift = both * baskets.shape[0] / (counts[row] * counts[col])
        values = {"lift": lift, "log lift": np.maximum(np.log(lift), 0), "confidence": both / counts[row]}[measure]
        self.rules: Matrix = sparse.csr_matrix((values.astype(np.float32), (row, col)), shape=pairs.shape)

    def scores(self, lines: Matrix) -> Floats:
        """Return the sums over the lines."""
        return np.asarray((lines @ self.rules).toarray(), np.float32)


class BasketNeighbors(BasketPeer):
    """Item-kNN over baskets, with one of implicit's similarities."""

    name = "co-purchase item-kNN"
    starts: ClassVar[Sequence[Mapping[str, Any]]] = (
        {"similarity": "cosine", "K": 200},
        {"similarity": "TF-IDF", "K": 200},
        {"similarity": "BM25", "K": 200},
    )
    space: ClassVar[Space] = {
        "similarity": ("choice", ["cosine", "TF-IDF", "BM25"]),
        "K": ("choice", [20, 50, 100, 200, 500, 1000]),
    }
    models: ClassVar[Mapping[str, Any]] = {
        "cosine": CosineRecommender,
        "TF-IDF": TFIDFRecommender,
        "BM25": BM25Recommender,
    }

    def learn(self, baskets: Matrix) -> None:
        """Fit the similarity matrix."""
        self.model = self.models[self.config.get("similarity", "cosine")](K=self.config.get("K", 20), num_threads=1)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ParameterWarning)  # from a conversion inside implicit
            self.model.fit(baskets.astype(np.float64), show_progress=False)

    def scores(self, lines: Matrix) -> Floats:
        """Return lines times similarities."""
        return np.asarray((lines @ self.model.similarity).toarray(), np.float32)


class BasketWalk(BasketPeer):
    """RP3beta over baskets: a walk line - basket - item, with powers of its steps, divided by a power of popularity."""

    name = "RP3beta on baskets"
    starts: ClassVar[Sequence[Mapping[str, Any]]] = ({"alpha": 0.8, "beta": 0.3}, {"alpha": 0.5, "beta": 0.1})
    space: ClassVar[Space] = {"alpha": ("float", 0.2, 1.5, False), "beta": ("float", 0.0, 0.9, False)}

    def learn(self, baskets: Matrix) -> None:
        """Fit the chances of the walk."""
        alpha, beta = self.config.get("alpha", 1.0), self.config.get("beta", 0.6)
        counts, sizes = (np.asarray(baskets.sum(axis=axis), np.float32).ravel() for axis in (0, 1))
        first = scaled_rows(baskets.T.tocsr(), inverse_power(counts, alpha))
        second = scaled_columns(scaled_rows(baskets, inverse_power(sizes, alpha)), inverse_power(counts, beta))
        self.walk: Matrix = (first @ second).tocsr()

    def scores(self, lines: Matrix) -> Floats:
        """Return the chances from the lines."""
        return np.asarray((lines @ self.walk).toarray(), np.float32)


class OurRecommender(CartPeer):
    """One of our recommenders by itself, tuned by random search from what it suggests: by the lines alone.

    With `of_history` it is asked for the history; `joined` are then the lines as the newest purchases of it.
    """

    recommender: ClassVar[str]
    of_history: ClassVar[bool] = False
    joined: ClassVar[bool] = False

    def fit(self, past: Interactions, catalog: Catalog) -> None:
        """Fit the recommender."""
        self.model = make(self.recommender, **self.config).fit(past, catalog)

    def answer(self, fold: Fold, k: int) -> Ints:
        """Return the recommender's lists, without the lines."""
        if not self.of_history:
            return self.model.recommend_many(fold.profiles, fold.contexts, k).items
        profiles = fold.profiles
        if self.joined:
            pairs = zip(fold.profiles, fold.contexts, strict=True)
            profiles = [_joined(profile, context) for profile, context in pairs]
        contexts = [replace(one, items=(), exclude=one.items) for one in fold.contexts]
        return self.model.recommend_many(profiles, contexts, k).items


def cart_peers() -> list[type[Peer]]:
    """Return the peer classes of the protocol cart."""
    return [
        PopularInBaskets,
        Lift,
        BasketNeighbors,
        BasketWalk,
        _ours("co-visitation", "covisitation"),
        _ours("personal top", "personal_top", of_history=True),
        _ours("user-kNN", "user_knn", of_history=True),
        _ours("user-kNN, lines as newest purchases", "user_knn", of_history=True, joined=True),
        _ours("RP3beta, lines as newest purchases", "rp3beta", of_history=True, joined=True),
    ]


def _ours(name: str, recommender: str, *, of_history: bool = False, joined: bool = False) -> type[Peer]:
    kind = RECOMMENDERS[recommender]
    own = {
        "name": name, "recommender": recommender, "space": kind.SEARCH_SPACE, "starts": kind.STARTS,
        "of_history": of_history, "joined": joined,
    }  # fmt: skip
    return type(name, (OurRecommender,), own)


def _line_matrix(contexts: Sequence[Context], n_items: int) -> Matrix:
    sizes = [len(context.items) for context in contexts]
    items = np.concatenate([np.empty(0, np.int64), *(np.asarray(one.items, np.int64) for one in contexts)])
    ones = np.ones(len(items), np.float32)
    return sparse.csr_matrix((ones, items, np.cumsum([0, *sizes])), shape=(len(contexts), n_items))


def _joined(profile: Profile, context: Context) -> Profile:
    """Return the profile with the lines as purchases of this moment."""
    n = len(context.items)

    def column(name: str, value: float) -> Any:
        own = getattr(profile, name)
        return np.concatenate([own, np.full(n, value, own.dtype)])

    return replace(
        profile,
        items=np.concatenate([profile.items, np.asarray(context.items, profile.items.dtype)]),
        times=column("times", profile.now),
        signals=column("signals", PURCHASE),
        weights=column("weights", PURCHASE_WEIGHT),
        values=column("values", 1.0),
    )

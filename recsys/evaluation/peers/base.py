"""The open-source models we are compared with, each tuned for as long as we are, on the same folds."""

import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
from scipy import sparse

from recsys.arrays import Doubles, Floats, Ints
from recsys.data.catalogue import Catalogue
from recsys.data.folds import Fold
from recsys.data.interactions import Interactions
from recsys.metrics.registry import ndcg
from recsys.sources.registry import RECOMMENDERS, make
from recsys.training.source_settings import SourceSettings, sampled_folds, suggested_settings
from recsys.training.tuning import MAX_QUESTIONS, tune

Space = Mapping[str, tuple[Any, ...]]
Matrix = Any
CHUNK, CHUNK_CELLS = 500, 1 << 24
"""Shoppers answered at once, and scores: 64 MB of float32, and twice as much to find the best of them."""


class Peer(ABC):
    """A competitor: learns from a fold's past, answers its questions with int32[n, k], -1 behind the end."""

    name: ClassVar[str]
    space: ClassVar[Space] = {}
    starts: ClassVar[Sequence[Mapping[str, Any]]] = ()
    """Settings that others found good, tried after the package's defaults and before any drawn by chance."""

    def __init__(self, **config: Any) -> None:
        self.config = config

    @classmethod
    def tuned(cls, folds: Sequence[Fold], *, budget_s: float, seed: int) -> SourceSettings:
        """Return the best settings by random search within the budget; defaults and `starts` are tried before.

        They are judged on the questions that our own sources are judged on.
        """
        rng = np.random.default_rng(seed)
        sampled = sampled_folds(folds, seed=seed, max_questions=MAX_QUESTIONS)
        best, trials = SourceSettings({}, -1.0, 0), 0
        for config in cls._configs(rng, budget_s):
            values = [cls(**config).values(fold) for fold in sampled]
            mean = float(np.concatenate(values).mean()) if values else 0.0
            trials += 1
            if mean > best.value:
                best = SourceSettings(config, mean, trials)
        return replace(best, trials=trials)

    @classmethod
    def _configs(cls, rng: np.random.Generator, budget_s: float) -> Iterator[Mapping[str, Any]]:
        """Yield what is known to be good, then what chance draws until the budget is spent."""
        yield from ({}, *cls.starts)
        end = time.monotonic() + budget_s
        while cls.space and time.monotonic() < end:
            yield {name: sample_value(rng, dimension) for name, dimension in cls.space.items()}

    def values(self, fold: Fold) -> Doubles:
        """Return NDCG@10 of each question of a fold, after learning from its past."""
        self.fit(fold.past, fold.catalogue)
        return ndcg(self.answer(fold, 10), fold.targets, fold.n_items)

    @abstractmethod
    def fit(self, past: Interactions, catalogue: Catalogue) -> None:
        """Learn, forgetting what was learnt before: each fold, and the test, is learnt anew."""

    @abstractmethod
    def answer(self, fold: Fold, k: int) -> Ints:
        """Return int32[len(fold), k]: item codes, the best first, none twice, -1 behind the end.

        Where `fold.new_only`, what a shopper had stands behind the rest, or nowhere.
        """


class OwnRecommender(Peer):
    """A model that no package offers in this form, as this project implements it, by itself."""

    recommender: ClassVar[str]
    start: ClassVar[Mapping[str, Any]] = {}
    """Settings that a long search found good once, tried beside those that the recommender suggests."""

    @classmethod
    def tuned(cls, folds: Sequence[Fold], *, budget_s: float, seed: int) -> SourceSettings:
        """Return the best settings, searched as for our own sources."""
        start = suggested_settings(cls.recommender, folds, seed=seed, champion=cls.start or None)
        return tune(cls.recommender, start, folds, budget_s=budget_s, seed=seed)

    def fit(self, past: Interactions, catalogue: Catalogue) -> None:
        """Fit the recommender."""
        self.model = make(self.recommender, **self.config).fit(past, catalogue)

    def answer(self, fold: Fold, k: int) -> Ints:
        """Return the recommender's lists."""
        return self.model.recommend_many(fold.profiles, fold.contexts, k).items


class MostPopular(Peer):
    """What most shoppers had, over all time."""

    name = "most popular"

    def fit(self, past: Interactions, catalogue: Catalogue) -> None:
        """Count the shoppers of each product."""
        once = np.unique(past.users.astype(np.int64) * catalogue.n_items + past.items) % catalogue.n_items
        self.counts = np.bincount(once, minlength=catalogue.n_items)

    def answer(self, fold: Fold, k: int) -> Ints:
        """Return the most popular items; items had before are dropped where only new ones count."""
        parts = []
        for rows in shopper_chunks(len(fold), len(self.counts)):
            hidden = profile_matrix(fold, rows, len(self.counts)) if fold.new_only else None
            parts.append(top_k(np.tile(self.counts, (len(rows), 1)), hidden, k))
        return stack_slates(parts, k)


class MatrixPeer(Peer):
    """A model that scores every item for a matrix of shoppers' histories, or for shopper codes."""

    def fit(self, past: Interactions, catalogue: Catalogue) -> None:
        """Build the matrix shoppers x items of `amounts` and learn from it."""
        self.n_items = catalogue.n_items
        matrix = sparse.csr_matrix(
            (self.cell_values(past), (past.users, past.items)), shape=(past.n_users, catalogue.n_items)
        )
        self.learn(matrix)

    def cell_values(self, past: Interactions) -> Floats:
        """Return float32[len(past)]: what each row adds to its cell: one or, `weighed`, the weight of its event."""
        return past.weights if self.config.get("weighed") else np.ones(len(past), np.float32)

    @abstractmethod
    def learn(self, matrix: Matrix) -> None:
        """Learn from csr float32[n_users, n_items]."""

    @abstractmethod
    def scores(self, users: Ints, histories: Matrix) -> Floats:
        """Return float32[n, n_items]."""

    def answer(self, fold: Fold, k: int) -> Ints:
        """Return the best items by score; items had before are dropped where only new ones count."""
        parts = []
        for rows in shopper_chunks(len(fold), self.n_items):
            histories = profile_matrix(fold, rows, self.n_items, weighed=self.config.get("weighed", False))
            scores = self.scores(fold.users[rows.start : rows.stop].astype(np.int32), histories)
            parts.append(top_k(scores, histories if fold.new_only else None, k))
        return stack_slates(parts, k)


def shopper_chunks(n: int, n_items: int) -> Iterator[range]:
    """Yield consecutive parts of n shoppers."""
    size = max(1, min(CHUNK, CHUNK_CELLS // max(1, n_items)))
    for start in range(0, n, size):
        yield range(start, min(start + size, n))


def stack_slates(parts: Sequence[Ints], k: int) -> Ints:
    """Return the slates of all chunks, int32[n, k]; of none, none."""
    return np.concatenate(parts) if parts else np.empty((0, k), np.int32)


def profile_matrix(fold: Fold, rows: range, n_items: int, *, weighed: bool = False) -> Matrix:
    """Return csr float32[len(rows), n_items] of how often each item is in the profiles or, `weighed`, how heavily."""
    sizes = [len(fold.profiles[row].items) for row in rows]
    items = np.concatenate([fold.profiles[row].items for row in rows])
    owner = np.repeat(np.arange(len(sizes)), sizes)
    values = np.ones(len(items), np.float32)
    if weighed:
        values = np.concatenate([fold.profiles[row].weights for row in rows])
    return sparse.csr_matrix((values, (owner, items)), shape=(len(sizes), n_items))


def top_k(scores: Floats, hidden: Matrix | None, k: int) -> Ints:
    """Return the k best columns of each row, without the hidden ones; ties go to the lower code."""
    scores = np.array(scores, np.float32)
    scores[np.isnan(scores)] = -np.inf  # of a model whose settings let it run away
    if hidden is not None:
        rows = np.repeat(np.arange(hidden.shape[0]), np.diff(hidden.indptr))
        scores[rows, hidden.indices] = -np.inf
    k = min(k, scores.shape[1])
    threshold = -np.partition(-scores, k - 1, axis=1)[:, k - 1 : k]
    is_above, is_equal = scores > threshold, scores == threshold
    is_chosen = is_above | (
        is_equal & (np.cumsum(is_equal, axis=1, dtype=np.int32) <= k - is_above.sum(axis=1, keepdims=True))
    )
    chosen_items = np.nonzero(is_chosen)[1].reshape(-1, k)
    order = np.argsort(-np.take_along_axis(scores, chosen_items, 1), axis=1, kind="stable")
    return np.take_along_axis(chosen_items, order, 1).astype(np.int32)


def sample_value(rng: np.random.Generator, dimension: tuple[Any, ...]) -> Any:
    """Return a random value of a knob of a search space."""
    kind, *rest = dimension
    if kind == "choice":
        return rest[0][int(rng.integers(len(rest[0])))]
    if kind == "int":
        return int(rng.integers(rest[0], rest[1] + 1))
    low, high, log = rest
    return float(np.exp(rng.uniform(np.log(low), np.log(high)))) if log else float(rng.uniform(low, high))


def own_recommender(peer_name: str, recommender: str, start: Mapping[str, Any] | None = None) -> type[Peer]:
    """Return a peer that is one of our recommenders by itself, with its own search space."""
    space = RECOMMENDERS[recommender].SEARCH_SPACE
    own = {"name": peer_name, "recommender": recommender, "space": space, "start": start or {}}
    return type(peer_name, (OwnRecommender,), own)

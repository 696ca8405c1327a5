"""Peers: open-source models, tuned on the same folds as our sources."""

import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
from scipy import sparse

from recsys.arrays import Doubles, Floats, Ints
from recsys.data.catalog import Catalog
from recsys.data.folds import Fold
from recsys.data.interactions import Interactions
from recsys.metrics.registry import ndcg
from recsys.sources.registry import RECOMMENDERS, make
from recsys.training.source_settings import SourceSettings, sampled_folds, suggested_settings
from recsys.training.tuning import MAX_QUESTIONS, tune

Space = Mapping[str, tuple[Any, ...]]
Matrix = Any
CHUNK, CHUNK_CELLS = 500, 1 << 24
"""Shoppers and scores of one chunk: 64 MB of float32, and twice as much to select the best."""


class Peer(ABC):
    """A model that is fitted on a fold's past and answers its questions with slates, int32[n, k], padded with -1."""

    name: ClassVar[str]
    space: ClassVar[Space] = {}
    starts: ClassVar[Sequence[Mapping[str, Any]]] = ()
    """Settings known to be good, tried after the package's defaults and before random ones."""

    def __init__(self, **config: Any) -> None:
        self.config = config

    @classmethod
    def tuned(cls, folds: Sequence[Fold], *, budget_s: float, seed: int) -> SourceSettings:
        """Return the settings with the best NDCG@10: the defaults, `starts`, then random search for `budget_s` seconds.

        The questions are those on which our own sources are tuned.
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
        """Yield the defaults and `starts`, then random settings until the budget is spent."""
        yield from ({}, *cls.starts)
        end = time.monotonic() + budget_s
        while cls.space and time.monotonic() < end:
            yield {name: sample_value(rng, dimension) for name, dimension in cls.space.items()}

    def values(self, fold: Fold) -> Doubles:
        """Return float64[n]: NDCG@10 of each question of a fold, after fitting on its past."""
        self.fit(fold.past, fold.catalog)
        return ndcg(self.answer(fold, 10), fold.targets, fold.n_items)

    @abstractmethod
    def fit(self, past: Interactions, catalog: Catalog) -> None:
        """Fit from scratch: the same instance may be fitted on several folds."""

    @abstractmethod
    def answer(self, fold: Fold, k: int) -> Ints:
        """Return int32[len(fold), k]: distinct item codes, the best first, padded with -1.

        With `fold.new_only`, items of the shopper's history come last, or not at all.
        """


class OwnRecommender(Peer):
    """One of our recommenders as a peer, where no package offers the model in this form."""

    recommender: ClassVar[str]
    start: ClassVar[Mapping[str, Any]] = {}
    """Settings from an earlier long search, tried beside those that the recommender suggests."""

    @classmethod
    def tuned(cls, folds: Sequence[Fold], *, budget_s: float, seed: int) -> SourceSettings:
        """Return the best settings, by the search for our own sources."""
        start = suggested_settings(cls.recommender, folds, seed=seed, champion=cls.start or None)
        return tune(cls.recommender, start, folds, budget_s=budget_s, seed=seed)

    def fit(self, past: Interactions, catalog: Catalog) -> None:
        """Fit the recommender."""
        self.model = make(self.recommender, **self.config).fit(past, catalog)

    def answer(self, fold: Fold, k: int) -> Ints:
        """Return the recommender's lists."""
        return self.model.recommend_many(fold.profiles, fold.contexts, k).items


class MostPopular(Peer):
    """The products with the most shoppers, over all time."""

    name = "most popular"

    def fit(self, past: Interactions, catalog: Catalog) -> None:
        """Count the shoppers of each product."""
        once = np.unique(past.users.astype(np.int64) * catalog.n_items + past.items) % catalog.n_items
        self.counts = np.bincount(once, minlength=catalog.n_items)

    def answer(self, fold: Fold, k: int) -> Ints:
        """Return the most popular items, without the history where only new items count."""
        parts = []
        for rows in shopper_chunks(len(fold), len(self.counts)):
            hidden = hidden_matrix(fold, rows, len(self.counts))
            parts.append(top_k_columns(np.tile(self.counts, (len(rows), 1)), hidden, k))
        return stack_slates(parts, k)


class MatrixPeer(Peer):
    """A model over the matrix shoppers x items, which scores every item for histories or shopper codes."""

    def fit(self, past: Interactions, catalog: Catalog) -> None:
        """Fit on the matrix shoppers x items of `cell_values`."""
        self.n_items = catalog.n_items
        matrix = sparse.csr_matrix(
            (self.cell_values(past), (past.users, past.items)), shape=(past.n_users, catalog.n_items)
        )
        self.learn(matrix)

    def cell_values(self, past: Interactions) -> Floats:
        """Return float32[len(past)]: what each row adds to its cell: 1, or with `weighed` the weight of its event."""
        return past.weights if self.config.get("weighed") else np.ones(len(past), np.float32)

    @abstractmethod
    def learn(self, matrix: Matrix) -> None:
        """Fit on csr float32[n_users, n_items]."""

    @abstractmethod
    def scores(self, users: Ints, histories: Matrix) -> Floats:
        """Return float32[n, n_items]."""

    def answer(self, fold: Fold, k: int) -> Ints:
        """Return the best items by score, without the history where only new items count."""
        parts = []
        for rows in shopper_chunks(len(fold), self.n_items):
            histories = profile_matrix(fold, rows, self.n_items, weighed=self.config.get("weighed", False))
            scores = self.scores(fold.users[rows.start : rows.stop].astype(np.int32), histories)
            parts.append(top_k_columns(scores, hidden_matrix(fold, rows, self.n_items), k))
        return stack_slates(parts, k)


def shopper_chunks(n: int, n_items: int) -> Iterator[range]:
    """Yield consecutive ranges of n shoppers, bounded by `CHUNK` and `CHUNK_CELLS`."""
    size = max(1, min(CHUNK, CHUNK_CELLS // max(1, n_items)))
    for start in range(0, n, size):
        yield range(start, min(start + size, n))


def stack_slates(parts: Sequence[Ints], k: int) -> Ints:
    """Return the slates of all chunks, int32[n, k]."""
    return np.concatenate(parts) if parts else np.empty((0, k), np.int32)


def profile_matrix(fold: Fold, rows: range, n_items: int, *, weighed: bool = False) -> Matrix:
    """Return csr float32[len(rows), n_items]: counts of items in the profiles, with `weighed` sums of weights."""
    sizes = [len(fold.profiles[row].items) for row in rows]
    items = np.concatenate([fold.profiles[row].items for row in rows])
    owner = np.repeat(np.arange(len(sizes)), sizes)
    values = np.ones(len(items), np.float32)
    if weighed:
        values = np.concatenate([fold.profiles[row].weights for row in rows])
    return sparse.csr_matrix((values, (owner, items)), shape=(len(sizes), n_items))


def hidden_matrix(fold: Fold, rows: range, n_items: int) -> Matrix | None:
    """Return csr float32[len(rows), n_items] of items that are not recommended: pages, with `new_only` histories."""
    if fold.new_only:
        return profile_matrix(fold, rows, n_items)
    if fold.pages is None:
        return None
    pages = fold.pages[rows.start : rows.stop]
    with_page = np.flatnonzero(pages >= 0)
    return sparse.csr_matrix(
        (np.ones(len(with_page), np.float32), (with_page, pages[with_page])), shape=(len(rows), n_items)
    )


def top_k_columns(scores: Floats, hidden: Matrix | None, k: int) -> Ints:
    """Return int32[n, k]: the k best columns of each row, hidden ones last; ties go to the lower code."""
    scores = np.array(scores, np.float32)
    scores[np.isnan(scores)] = -np.inf  # a model may diverge under its settings
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
    """Return a random value of one dimension of a search space."""
    kind, *rest = dimension
    if kind == "choice":
        return rest[0][int(rng.integers(len(rest[0])))]
    if kind == "int":
        return int(rng.integers(rest[0], rest[1] + 1))
    low, high, log = rest
    return float(np.exp(rng.uniform(np.log(low), np.log(high)))) if log else float(rng.uniform(low, high))


def own_recommender(peer_name: str, recommender: str, start: Mapping[str, Any] | None = None) -> type[Peer]:
    """Return a peer class for one of our recommenders, with the recommender's search space."""
    space = RECOMMENDERS[recommender].SEARCH_SPACE
    own = {"name": peer_name, "recommender": recommender, "space": space, "start": start or {}}
    return type(peer_name, (OwnRecommender,), own)

"""The base class of factor models: item factors are trained, the shopper's are computed per request (fold-in). Pure."""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from recsys.arrays import Floats, Ints
from recsys.data.profile import Context, Profile
from recsys.sources.decay import (
    DECAY_SPACE,
    REPEAT_START,
    SESSION_START,
    ProfileDecay,
    Query,
    query_of,
)
from recsys.sources.scoring import Scoring, SearchSpace
from recsys.sources.storage import Array, Arrays


@dataclass(frozen=True)
class FactorConfig(ProfileDecay):
    """`factors` is the length of an item's vector, `epochs` the number of passes over the data."""

    factors: int = 64
    epochs: int = 15


MAX_TRAINED_ITEMS = 50_000
"""Only so many items, the most frequent ones, get a vector: rare items cost as much time as others.

On a grocery's year with 68,500 products, NDCG@10 of new products is .0811 with this limit and .0817 without for als,
.0572 and .0586 for nmf (mean of three seeds). With 20,000 items it is .0817 for als and .0458 for nmf. (Nmf was
measured before its scores were changed to unscaled units.)"""
FACTOR_SPACE: SearchSpace = {**DECAY_SPACE, "factors": ("choice", [32, 64, 128]), "epochs": ("int", 5, 30)}


class Factors(Scoring):
    """score(j) = bias[j] + shopper vector · vectors[j]. The shopper vector is computed per request and not stored."""

    config: FactorConfig
    personal: ClassVar[bool] = True
    contextual: ClassVar[bool] = True
    learns_taste: ClassVar[bool] = True
    exact: ClassVar[bool] = False
    SERVE_TIME: ClassVar[frozenset[str]] = frozenset(DECAY_SPACE) | {"signal_weights"}
    STARTS: ClassVar[tuple[dict[str, Any], ...]] = (REPEAT_START, SESSION_START)
    vectors: Floats
    in_training: Floats
    trained_codes: Array | None

    def prepare(self) -> None:
        """Set `vectors`, float32[n_items, factors], and `in_training`, 1 for items with training data.

        If less than half of the items have training data, `trained_codes` are their codes; else it is None.
        """
        self.vectors, self.in_training = self.arrays["vectors"], self.arrays["in_training"].astype(np.float32)
        codes = np.flatnonzero(self.in_training)
        self.trained_codes = codes if 2 * len(codes) < self.n_items else None

    @abstractmethod
    def fold_in(self, query: Query) -> Floats:
        """Return float32[factors]: the vector of a shopper with these weighted items."""

    def bias(self) -> Floats | float:
        """Return the part of the scores that is equal for all shoppers: float32[n_items] or one number."""
        return 0.0

    def scores(self, profile: Profile, context: Context) -> Floats:
        """Return the scores of all items with training data; all 0 for a shopper without such items."""
        query = query_of(profile, context, self.config, self.n_items)
        if not len(query[0]):
            return np.zeros(self.n_items, np.float32)
        return np.asarray((self.vectors @ self.fold_in(query) + self.bias()) * self.in_training, np.float32)

    def scores_many(self, profiles: Sequence[Profile], contexts: Sequence[Context]) -> Floats:
        """Return `scores` of all profiles by one matrix product (equal up to rounding)."""
        pairs = zip(profiles, contexts, strict=True)
        queries = [query_of(profile, context, self.config, self.n_items) for profile, context in pairs]
        if not queries:
            return np.empty((0, self.n_items), np.float32)
        shoppers = np.stack([self.fold_in(query) for query in queries])
        if self.trained_codes is None:
            scores: Floats = ((shoppers @ self.vectors.T + self.bias()) * self.in_training).astype(
                np.float32, copy=False
            )
        else:
            scores = np.zeros((len(queries), self.n_items), np.float32)
            bias = np.broadcast_to(self.bias(), self.n_items)
            scores[:, self.trained_codes] = shoppers @ self.vectors[self.trained_codes].T + bias[self.trained_codes]
        scores[[not len(codes) for codes, _ in queries]] = 0
        return scores

    def knows(self, item: int) -> bool:
        """Return whether the item had training data."""
        return 0 <= item < self.n_items and bool(self.in_training[item])

    def explain(self, profile: Profile, context: Context, item: int) -> tuple[int, ...]:
        """Return the three items of the query with the largest weighted dot product with the item."""
        codes, weights = query_of(profile, context, self.config, self.n_items)
        if not self.knows(item):
            return ()
        gains = weights * (self.vectors[codes] @ self.vectors[item])
        best = np.argsort(-gains, kind="stable")[:3]
        return tuple(int(codes[i]) for i in best if gains[i] > 0)


def arrays_of_all_items(vectors: Floats, codes: Ints, count: Array) -> Arrays:
    """Return `vectors` and `in_training` of all items from the vectors of `codes`.

    `vectors` is float32[len(codes), factors], `count` int[n_items], the interactions of each item.
    """
    all_vectors, in_training = np.zeros((len(count), vectors.shape[1]), np.float32), np.zeros(len(count), np.bool_)
    all_vectors[codes], in_training[codes] = vectors, True
    return {"vectors": all_vectors, "in_training": in_training & (count > 0)}


def solve_weighted_ridge(vectors: Floats, weights: np.ndarray, targets: np.ndarray, base: np.ndarray) -> Floats:
    """Return float32[factors] p that minimizes sum_i weights[i] · (p · vectors[i] - targets[i])² + p · base · p."""
    doubles = vectors.astype(np.float64)
    gram = (doubles * weights[:, None]).T @ doubles + base
    return np.linalg.solve(gram, doubles.T @ (weights * targets)).astype(np.float32)

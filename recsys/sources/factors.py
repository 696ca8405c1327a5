"""What factor models share: item factors are learnt, the shopper's are solved for at answering time (fold-in). Pure."""

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
    """`factors` is the length of an item's vector, `epochs` how often training passes over the data."""

    factors: int = 64
    epochs: int = 15


MAX_TRAINED_ITEMS = 50_000
"""Items that get a vector, those most held: each costs as much as another, however little is known of it.

A grocery's year unfiltered, 68,500 products, new ones: als .0811 instead of .0817, nmf .0572 instead of .0586 (mean of
three seeds); with 20,000 als .0817, nmf .0458. (Nmf's answers were in scaled units then; they find more now.)"""
FACTOR_SPACE: SearchSpace = {**DECAY_SPACE, "factors": ("choice", [32, 64, 128]), "epochs": ("int", 5, 30)}


class Factors(Scoring):
    """score(j) = bias[j] + shopper · factors[j]; the shopper's vector exists only while a request is answered."""

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
        """Name the arrays: `vectors` float32[n_items, factors], `seen` 1 for items that were learnt from.

        Where these are less than half, `few` are their codes: many shoppers ask for the scores of these only.
        """
        self.vectors, self.in_training = self.arrays["vectors"], self.arrays["in_training"].astype(np.float32)
        learnt = np.flatnonzero(self.in_training)
        self.trained_codes = learnt if 2 * len(learnt) < self.n_items else None

    @abstractmethod
    def fold_in(self, found: Query) -> Floats:
        """Return float32[factors], the vector of someone whose history is this query."""

    def bias(self) -> Floats | float:
        """Return what each item gains whoever asks."""
        return 0.0

    def scores(self, profile: Profile, context: Context) -> Floats:
        """Return bias and agreement of every learnt item; all 0 for a shopper without known items."""
        found = query_of(profile, context, self.config, self.n_items)
        if not len(found[0]):
            return np.zeros(self.n_items, np.float32)
        return np.asarray((self.vectors @ self.fold_in(found) + self.bias()) * self.in_training, np.float32)

    def scores_many(self, profiles: Sequence[Profile], contexts: Sequence[Context]) -> Floats:
        """Return `scores` of all, by one matrix product (equal up to rounding)."""
        asked = zip(profiles, contexts, strict=True)
        found = [query_of(profile, context, self.config, self.n_items) for profile, context in asked]
        if not found:
            return np.empty((0, self.n_items), np.float32)
        shoppers = np.stack([self.fold_in(one) for one in found])
        if self.trained_codes is None:
            scores: Floats = ((shoppers @ self.vectors.T + self.bias()) * self.in_training).astype(
                np.float32, copy=False
            )
        else:
            scores = np.zeros((len(found), self.n_items), np.float32)
            bias = np.broadcast_to(self.bias(), self.n_items)
            scores[:, self.trained_codes] = shoppers @ self.vectors[self.trained_codes].T + bias[self.trained_codes]
        scores[[not len(codes) for codes, _ in found]] = 0
        return scores

    def knows(self, item: int) -> bool:
        """Return whether the item was learnt from."""
        return 0 <= item < self.n_items and bool(self.in_training[item])

    def explain(self, profile: Profile, context: Context, item: int) -> tuple[int, ...]:
        """Return the three items of the query whose vectors agree most with the item's."""
        codes, weights = query_of(profile, context, self.config, self.n_items)
        if not self.knows(item):
            return ()
        gains = weights * (self.vectors[codes] @ self.vectors[item])
        best = np.argsort(-gains, kind="stable")[:3]
        return tuple(int(codes[i]) for i in best if gains[i] > 0)


def arrays_of_all_items(vectors: Floats, held: Ints, count: Array) -> Arrays:
    """Return the arrays of all items, of which `count` is int[n_items], from the vectors learnt of the items `held`."""
    whole, learnt = np.zeros((len(count), vectors.shape[1]), np.float32), np.zeros(len(count), np.bool_)
    whole[held], learnt[held] = vectors, True
    return {"vectors": whole, "in_training": learnt & (count > 0)}


def solve_weighted_ridge(vectors: Floats, weights: np.ndarray, targets: np.ndarray, base: np.ndarray) -> Floats:
    """Return p that minimizes sum_i weights[i] · (p · vectors[i] - targets[i])² + p · base · p."""
    tall = vectors.astype(np.float64)
    gram = (tall * weights[:, None]).T @ tall + base
    return np.linalg.solve(gram, tall.T @ (weights * targets)).astype(np.float32)

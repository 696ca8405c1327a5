"""Surprise's SVD, trained so that it can retrieve: sampled negatives, item factors folded in at answering time.

SVD on positives alone learns nothing to rank by (all ratings are 1); unseen items drawn by popularity ** .75 serve as
zeros. Where the shop has real ratings a second SVD learns the stars, and `predict_rating` says how many a shopper
would give; a constant rating column leaves it out.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import surprise

from personalization.recommenders.base import SIGNAL_NAMES, Catalogue, Config, Floats, Interactions, Profile
from personalization.recommenders.decay import Query
from personalization.recommenders.factors import FACTOR_SPACE, FactorConfig, Factors, solved
from personalization.recommenders.scoring import SearchSpace
from personalization.recommenders.storage import Array, Arrays

RATING = SIGNAL_NAMES.index("rating")


@dataclass(frozen=True)
class SVDConfig(FactorConfig):
    """`negatives` zeros are drawn per interaction; `fold_ridge` regularizes fold-in; `bias_weight` lets popularity in.

    The newest `most_rows` interactions are learnt from, which bounds time. Good: 5–10 negatives, reg .01–.1,
    learning rate .01–.03, fold_ridge 1–30.
    """

    factors: int = 50
    epochs: int = 20
    learning_rate: float = 0.02
    reg: float = 0.02
    negatives: int = 8
    negative_power: float = 0.75
    fold_ridge: float = 5.0
    bias_weight: float = 0.3
    most_rows: int = 250_000
    rating_reg: float = 0.1


class SVD(Factors):
    """Surprise's matrix factorization, for ranking and, where there are stars, for predicted ratings."""

    name: ClassVar[str] = "svd"
    config_class: ClassVar[type[Config]] = SVDConfig
    config: SVDConfig
    SERVE_TIME: ClassVar[frozenset[str]] = Factors.SERVE_TIME | {"fold_ridge", "bias_weight"}
    SEARCH_SPACE: ClassVar[SearchSpace] = {
        **FACTOR_SPACE,
        "factors": ("choice", [32, 50, 100]),
        "epochs": ("int", 8, 30),
        "learning_rate": ("float", 0.005, 0.05, True),
        "reg": ("float", 0.002, 0.1, True),
        "negatives": ("int", 2, 12),
        "fold_ridge": ("float", 0.1, 100.0, True),
        "bias_weight": ("choice", [0.0, 0.1, 0.3, 1.0]),
    }

    def learn(self, interactions: Interactions, catalogue: Catalogue) -> Arrays:
        """Return item factors and biases for ranking and, where values differ, for stars."""
        n = catalogue.n_items
        newest = slice(max(0, len(interactions) - self.config.most_rows), None)
        users, items = interactions.users[newest], interactions.items[newest]
        popularity = np.bincount(items, minlength=n).astype(np.float64)
        columns = self._with_negatives(users, items, popularity)
        _, bias, vectors = self._trained(*columns, interactions.n_users, n, self.config.reg)
        arrays = {"vectors": vectors, "bias": bias, "seen": popularity > 0}
        return {**arrays, **self._stars(interactions, n)}

    def bias(self) -> Floats:
        """Return each item's share of popularity."""
        return np.asarray(self.config.bias_weight * self.arrays["bias"], np.float32)

    def fold(self, found: Query) -> Floats:
        """Return the ridge solution for a shopper who wants the query's items fully."""
        codes, weights = found
        chosen = self.vectors[codes]
        base = self.config.fold_ridge * np.eye(chosen.shape[1])
        return solved(chosen, weights, 1 - self.arrays["bias"][codes], base)

    @property
    def predicts_ratings(self) -> bool:
        """Whether the shop's ratings had anything to teach."""
        return bool(len(self.arrays["star_facts"]))

    def predict_rating(self, profile: Profile, item: int) -> float | None:
        """Return the stars the shopper would give, within the shop's scale; None where nothing was learnt of either."""
        if not self.predicts_ratings or not 0 <= item < self.n_items or not self.arrays["star_seen"][item]:
            return None
        mean, low, high = (float(fact) for fact in self.arrays["star_facts"])
        biases, vectors = self.arrays["star_bias"], self.arrays["star_vectors"]
        rated = (profile.signals == RATING) & (profile.items >= 0) & (profile.items < self.n_items)
        codes = profile.items[rated]
        tall = np.column_stack([vectors[codes], np.ones(len(codes), np.float32)])  # last: the shopper's own bias
        base = self.config.rating_reg * max(1, len(codes)) * np.eye(tall.shape[1])
        taste = solved(tall, np.ones(len(codes)), profile.values[rated] - mean - biases[codes], base)
        stars = mean + float(biases[item]) + float(taste[:-1] @ vectors[item]) + float(taste[-1])
        return min(high, max(low, stars))

    def _with_negatives(self, users: Array, items: Array, popularity: Array) -> tuple[Array, Array, Array]:
        """Return shuffled (users, items, 1 or 0). A drawn zero may hit a positive; with many items that is rare."""
        rng = np.random.default_rng(self.config.seed)
        count = len(users) * self.config.negatives
        chance = popularity**self.config.negative_power
        drawn = rng.choice(len(popularity), count, p=chance / chance.sum()) if count else np.empty(0, np.int64)
        values = np.concatenate([np.ones(len(users)), np.zeros(count)])
        order = rng.permutation(len(values))
        repeated = np.concatenate([users, np.repeat(users, self.config.negatives)])
        return repeated[order], np.concatenate([items, drawn])[order], values[order]

    def _trained(
        self, users: Array, items: Array, values: Array, n_users: int, n_items: int, reg: float
    ) -> tuple[float, Array, Floats]:
        """Return mean, item biases float32[n_items] and item factors float32[n_items, factors]."""
        c = self.config
        if not len(users):
            return 0.0, np.zeros(n_items, np.float32), np.zeros((n_items, c.factors), np.float32)
        model = surprise.SVD(
            n_factors=c.factors, n_epochs=c.epochs, lr_all=c.learning_rate, reg_all=reg, random_state=c.seed
        )
        model.fit(Columns(users, items, values, n_users, n_items))
        return float(values.mean()), model.bi.astype(np.float32), model.qi.astype(np.float32)

    def _stars(self, interactions: Interactions, n_items: int) -> Arrays:
        """Return the second SVD, empty where there are no ratings or all are equal."""
        rows = np.flatnonzero(interactions.signals == RATING)[-self.config.most_rows :]
        values = interactions.values[rows].astype(np.float64)
        if not len(rows) or values.min() == values.max():
            rows = rows[:0]
        rng = np.random.default_rng(self.config.seed)
        rows, facts = rng.permutation(rows), np.empty(0)
        users, items = interactions.users[rows], interactions.items[rows]
        stars = interactions.values[rows].astype(np.float64)
        mean, bias, vectors = self._trained(users, items, stars, interactions.n_users, n_items, self.config.rating_reg)
        if len(rows):
            facts = np.array([mean, values.min(), values.max()])
        seen = np.bincount(items, minlength=n_items) > 0
        return {"star_facts": facts, "star_bias": bias, "star_vectors": vectors, "star_seen": seen}


class Columns(surprise.Trainset):  # type: ignore[misc]
    """Surprise's training set over arrays: its own keeps a Python tuple a rating, in two dictionaries."""

    def __init__(self, users: Array, items: Array, values: Array, n_users: int, n_items: int) -> None:
        super().__init__({}, {}, n_users, n_items, len(values), (float(values.min()), float(values.max())), {}, {})
        self.columns = users, items, values
        self._global_mean = float(values.mean())

    def all_ratings(self) -> Iterator[tuple[int, int, float]]:
        """Yield (user, item, value), in blocks so that few Python numbers live at once."""
        for start in range(0, self.n_ratings, 65_536):
            block = slice(start, start + 65_536)
            yield from zip(*(column[block].tolist() for column in self.columns), strict=True)

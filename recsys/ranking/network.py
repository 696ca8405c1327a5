"""A small network over the ranker's features: what trees see in steps, it sees smoothly, so that both err differently.

Each feature is turned into the normal score of its rank among what was learned from, whatever its scale; unknown ones
stand in the middle and, where a feature is at times unknown, say so in a column of their own. One hidden layer of ReLU
learns whether a candidate is a hit (logistic loss, Adam), a few times from different beginnings. scikit-learn fits it;
two matrix products ask it.
"""

import json
import warnings
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri
from threadpoolctl import threadpool_limits

from recsys.arrays import Bools, Doubles, Floats
from recsys.ranking.groups import even

HIDDEN = 64
COPIES = 2
"""Networks from different beginnings, of which the mean is taken: one alone is a matter of luck (new groceries .0889 to
.0910, the mean of three .0933; beside trees, two do as well and cost less)."""
BATCH = 512
MOST_EPOCHS = 40
SETTINGS: dict[str, Any] = {"alpha": 0.01, "learning_rate_init": 4e-4}
KNOTS = 64
EDGE = 3.0
"""Normal scores end here, on both sides: the largest of half a million is no surer than the largest of a thousand."""
RANKED = 100_000
"""Pairs, evenly chosen, that ranks are told from."""
AT_TIMES = 0.02
"""A feature unknown to this share of pairs, and known to as many, has a column that says which."""
PART = 16_384
"""Pairs asked at once, so that memory is bounded."""
DIGITS = 5
"""Of a score: rows that are equal differ in the last bits, by where in a product they stand."""
WAY = 16
"""Points on the way from the middle to a candidate at which its contributions are measured."""


@dataclass(frozen=True, slots=True)
class Network:
    """`knots[i]` are feature i's values at the normal scores `levels[i]`, ascending; `unsure` the features with a flag.

    Weights: `first` float32[n_inputs, hidden] and `bias`, then `second` float32[hidden]; inputs are all features, then
    the flags. The score is the logit without its constant.
    """

    knots: tuple[Floats, ...]
    levels: tuple[Floats, ...]
    unsure: NDArray[np.int64]
    first: Floats
    bias: Floats
    second: Floats

    @classmethod
    def fit(cls, features: Floats, labels: NDArray[np.int32], *, steps: int, seed: int) -> Self:
        """Return the network that tells hits (labels above 0) from misses. features: float32[n, f], NaN is unknown.

        It is led so many steps, each by `BATCH` pairs, in whole epochs, of which there are 40 at most.
        """
        from sklearn.exceptions import ConvergenceWarning  # slow to load, and only a training needs it
        from sklearn.neural_network import MLPClassifier

        some = features[even(len(features), RANKED)]
        knots, levels = zip(*(_scale(column) for column in some.T), strict=True)
        unknown = np.isnan(some).mean(axis=0)
        unsure = np.flatnonzero((unknown > AT_TIMES) & (unknown < 1 - AT_TIMES)).astype(np.int64)
        inputs = _inputs(features, knots, levels, unsure)
        epochs = int(np.clip(np.ceil(steps * BATCH / len(inputs)), 1, MOST_EPOCHS))
        settings = {**SETTINGS, "batch_size": min(BATCH, len(inputs)), "max_iter": epochs, "n_iter_no_change": epochs}
        copies = [MLPClassifier((HIDDEN,), random_state=seed + copy, **settings) for copy in range(COPIES)]
        # One thread each: the products are small, and the weights are then the same whatever the number of cores.
        with warnings.catch_warnings(), threadpool_limits(1), ThreadPoolExecutor(COPIES) as pool:
            warnings.simplefilter("ignore", ConvergenceWarning)  # stopped on purpose
            list(pool.map(lambda copy: copy.fit(inputs, labels > 0), copies))
        return cls(
            knots,
            levels,
            unsure,
            np.concatenate([copy.coefs_[0] for copy in copies], axis=1).astype(np.float32),
            np.concatenate([copy.intercepts_[0] for copy in copies]).astype(np.float32),
            np.concatenate([copy.coefs_[1][:, 0] / COPIES for copy in copies]).astype(np.float32),
        )

    def scores(self, features: Floats) -> Doubles:
        """Return float64[n]: higher is better."""
        parts = [self._scored(features[start : start + PART]) for start in range(0, len(features), PART)]
        return np.concatenate(parts) if parts else np.empty(0)

    def _scored(self, features: Floats) -> Doubles:
        logits = np.maximum(self._read(features) @ self.first + self.bias, 0) @ self.second
        found: Doubles = np.asarray(logits, np.float64).round(DIGITS)
        return found

    def contributions(self, features: Floats) -> Doubles:
        """Return float64[n, f + 1]: each feature's share of the score, the base value last; rows sum to the scores.

        Integrated gradients (Sundararajan, Taly, Yan, ICML 2017) from a candidate that is average in everything.
        """
        inputs = self._read(features)
        slope = np.zeros_like(inputs)
        for step in range(WAY):
            active = inputs * ((step + 0.5) / WAY) @ self.first + self.bias > 0
            slope += (active * self.second) @ self.first.T
        shares = (inputs * slope / WAY).astype(np.float64)
        n = features.shape[1]
        found = np.zeros((len(features), n + 1))
        found[:, :n] = shares[:, :n]
        found[:, self.unsure] += shares[:, n:]
        found[:, n] = self.scores(features) - found[:, :n].sum(axis=1)
        return found

    def used(self) -> Bools:
        """Return bool[n_features]: which features are not the same for all."""
        found: Bools = np.array([len(own) > 1 for own in self.knots])
        found[self.unsure] = True
        return found

    def text(self) -> str:
        """Return the network as JSON text."""
        return json.dumps(
            {
                "knots": [one.tolist() for one in self.knots],
                "levels": [one.tolist() for one in self.levels],
                "unsure": self.unsure.tolist(),
                "first": self.first.tolist(),
                "bias": self.bias.tolist(),
                "second": self.second.tolist(),
            }
        )

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return what `text` wrote."""
        told = json.loads(text)
        floats = {name: np.asarray(told[name], np.float32) for name in ("first", "bias", "second")}
        knots, levels = (tuple(np.asarray(one, np.float32) for one in told[name]) for name in ("knots", "levels"))
        return cls(knots, levels, np.asarray(told["unsure"], np.int64), **floats)

    def _read(self, features: Floats) -> Floats:
        return _inputs(features, self.knots, self.levels, self.unsure)


def _scale(column: Floats) -> tuple[Floats, Floats]:
    """Return distinct values of a column, ascending, and the normal score of each one's middle rank."""
    known = np.sort(column[np.isfinite(column)])
    if not len(known):
        return np.zeros(1, np.float32), np.zeros(1, np.float32)
    knots = np.unique(known[even(len(known), KNOTS)])
    ranks = (np.searchsorted(known, knots, side="left") + np.searchsorted(known, knots, side="right")) / 2
    levels = np.clip(ndtri(ranks / len(known)), -EDGE, EDGE)
    return knots.astype(np.float32), levels.astype(np.float32)


def _inputs(features: Floats, knots: Sequence[Floats], levels: Sequence[Floats], unsure: NDArray[np.int64]) -> Floats:
    n, width = features.shape
    found = np.empty((n, width + len(unsure)), np.float32)
    for at in range(width):
        found[:, at] = np.interp(features[:, at], knots[at], levels[at])
    found[:, width:] = np.isnan(features[:, unsure])
    return np.nan_to_num(found, copy=False, nan=0.0)

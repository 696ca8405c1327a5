"""A small network over the ranker's features. It is smooth where trees are steps, so the errors of both differ.

Each feature becomes the normal score of its rank in the training data, whatever its scale. An unknown value becomes 0,
and a feature that is sometimes unknown also gets a missing flag. One hidden layer of ReLU predicts whether a candidate
is a hit (logistic loss, Adam). scikit-learn fits it from a few seeds; a prediction is two matrix products.
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

from recsys.arrays import Bools, Doubles, Floats, Longs
from recsys.compiled import compiled, frozen
from recsys.ranking.groups import evenly_spaced

HIDDEN = 64
N_NETWORKS = 2
"""Networks from different seeds, of which the mean is taken. NDCG@10 on new groceries: one .0889 to .0910, the mean of
three .0933. In a mean with trees, two do as well and cost less."""
BATCH_SIZE = 512
MAX_EPOCHS = 40
SETTINGS: dict[str, Any] = {"alpha": 0.01, "learning_rate_init": 4e-4}
MAX_QUANTILES = 64
MAX_NORMAL_SCORE = 3.0
"""Normal scores are clipped here on both sides: the largest of half a million counts like the largest of a thousand."""
MAX_QUANTILE_ROWS = 100_000
"""Pairs, evenly spaced, from which the quantiles are computed."""
MIN_MISSING_SHARE = 0.02
"""A feature gets a missing flag if at least this share of pairs lacks it, and at least this share has it."""
CHUNK_ROWS = 16_384
"""Pairs of one prediction, so that memory is bounded."""
SCORE_DECIMALS = 5
"""Decimals of a score: equal rows may differ in the last bits, by their place in a matrix product."""
GRADIENT_STEPS = 16
"""Steps of the integrated gradients from the baseline to a candidate."""


ONE = np.uint64(1)


@dataclass(frozen=True, slots=True)
class InputMap:
    """Turns features into inputs: linear between the quantiles, which stand end to end from `starts`, int64[f + 1].

    `slopes` are the rises to the next quantile; the last of each feature is 0.
    """

    starts: Longs
    quantiles: Doubles
    levels: Doubles
    slopes: Doubles
    flagged: Longs

    @classmethod
    def of(cls, quantiles: Sequence[Floats], normal_scores: Sequence[Floats], flagged: Longs) -> Self:
        """Return the map of a network's quantiles and their normal scores."""
        columns = [np.asarray(own, np.float64) for own in quantiles]
        levels = [np.asarray(own, np.float64) for own in normal_scores]
        slopes = [
            np.append(np.diff(own_levels) / np.diff(own), 0.0) for own, own_levels in zip(columns, levels, strict=True)
        ]
        starts = np.cumsum([0, *map(len, columns)])
        ends = [frozen(np.concatenate([np.empty(0), *own])) for own in (columns, levels, slopes)]
        return cls(frozen(starts), ends[0], ends[1], ends[2], frozen(flagged))

    def inputs(self, features: Floats) -> Floats:
        """Return float32[n, f + n_flagged] of float32[n, f]; unknown is 0 there, and 1 where flagged."""
        features = np.ascontiguousarray(features, np.float32)
        return _interpolated(features, self.starts, self.quantiles, self.levels, self.slopes, self.flagged)


@compiled
def _interpolated(
    features: Floats, starts: Longs, quantiles: Doubles, levels: Doubles, slopes: Doubles, flagged: Longs
) -> Floats:
    n, width = features.shape
    inputs = np.zeros((n, width + len(flagged)), np.float32)
    for row in range(n):
        for column in range(width):
            value = features[row, column]
            if np.isnan(value):
                continue
            if row and value == features[row - 1, column]:  # a shopper's own columns are equal in all rows
                inputs[row, column] = inputs[row - 1, column]
                continue
            low, end = np.uint64(starts[column]), np.uint64(starts[column + 1])
            length = end - low
            while length > ONE:  # without a branch: the larger half is kept either way
                half = length >> ONE
                low += half * np.uint64(quantiles[low + half] <= value)
                length -= half
            excess = max(min(value, quantiles[end - ONE]) - quantiles[low], 0.0)
            inputs[row, column] = slopes[low] * excess + levels[low]
        for place in range(len(flagged)):
            inputs[row, width + place] = np.isnan(features[row, flagged[place]])
    return inputs


@dataclass(frozen=True, slots=True)
class Network:
    """`quantiles[i]` are values of feature i, ascending, at `normal_scores[i]`; `flagged` the features with a flag.

    The inputs are all features, then the flags. Weights: `hidden_weights` float32[n_inputs, hidden], `hidden_bias`
    float32[hidden], `output_weights` float32[hidden]. The score is the logit without its constant.
    """

    quantiles: tuple[Floats, ...]
    normal_scores: tuple[Floats, ...]
    flagged: NDArray[np.int64]
    hidden_weights: Floats
    hidden_bias: Floats
    output_weights: Floats
    input_map: InputMap

    @classmethod
    def of(
        cls,
        quantiles: Sequence[Floats],
        normal_scores: Sequence[Floats],
        flagged: NDArray[np.int64],
        hidden_weights: Floats,
        hidden_bias: Floats,
        output_weights: Floats,
    ) -> Self:
        """Return the network of these quantiles and weights."""
        input_map = InputMap.of(quantiles, normal_scores, flagged)
        weights = hidden_weights, hidden_bias, output_weights
        return cls(tuple(quantiles), tuple(normal_scores), flagged, *weights, input_map)

    @classmethod
    def fit(cls, features: Floats, labels: NDArray[np.int32], *, steps: int, seed: int) -> Self:
        """Return the network fitted to hits (labels above 0). features: float32[n, f], NaN is unknown.

        `steps` are gradient steps of `BATCH_SIZE` pairs, rounded up to whole epochs, of which there are at most 40.
        """
        from sklearn.exceptions import ConvergenceWarning  # slow to import, and only training needs it
        from sklearn.neural_network import MLPClassifier

        sample = features[evenly_spaced(len(features), MAX_QUANTILE_ROWS)]
        quantiles, normal_scores = zip(*(_quantile_map(column) for column in sample.T), strict=True)
        missing_share = np.isnan(sample).mean(axis=0)
        flagged = np.flatnonzero((missing_share > MIN_MISSING_SHARE) & (missing_share < 1 - MIN_MISSING_SHARE)).astype(
            np.int64
        )
        inputs = InputMap.of(quantiles, normal_scores, flagged).inputs(features)
        epochs = int(np.clip(np.ceil(steps * BATCH_SIZE / len(inputs)), 1, MAX_EPOCHS))
        settings = {
            **SETTINGS,
            "batch_size": min(BATCH_SIZE, len(inputs)),
            "max_iter": epochs,
            "n_iter_no_change": epochs,
        }
        networks = [MLPClassifier((HIDDEN,), random_state=seed + network, **settings) for network in range(N_NETWORKS)]
        # One thread each: the matrices are small, and the weights then do not depend on the number of cores.
        with warnings.catch_warnings(), threadpool_limits(1), ThreadPoolExecutor(N_NETWORKS) as pool:
            warnings.simplefilter("ignore", ConvergenceWarning)  # the number of epochs is fixed
            list(pool.map(lambda network: network.fit(inputs, labels > 0), networks))
        return cls.of(
            quantiles,
            normal_scores,
            flagged,
            np.concatenate([network.coefs_[0] for network in networks], axis=1).astype(np.float32),
            np.concatenate([network.intercepts_[0] for network in networks]).astype(np.float32),
            np.concatenate([network.coefs_[1][:, 0] / N_NETWORKS for network in networks]).astype(np.float32),
        )

    def scores(self, features: Floats) -> Doubles:
        """Return float64[n]: higher is better."""
        parts = [
            self._chunk_scores(features[start : start + CHUNK_ROWS]) for start in range(0, len(features), CHUNK_ROWS)
        ]
        return np.concatenate(parts) if parts else np.empty(0)

    def _chunk_scores(self, features: Floats) -> Doubles:
        logits = (
            np.maximum(self.input_map.inputs(features) @ self.hidden_weights + self.hidden_bias, 0)
            @ self.output_weights
        )
        rounded: Doubles = np.asarray(logits, np.float64).round(SCORE_DECIMALS)
        return rounded

    def contributions(self, features: Floats) -> Doubles:
        """Return float64[n, f + 1]: each feature's share of the score, the base value last; rows sum to the scores.

        Integrated gradients (Sundararajan, Taly, Yan, ICML 2017) from a candidate whose inputs are all 0.
        """
        inputs = self.input_map.inputs(features)
        gradient = np.zeros_like(inputs)
        for step in range(GRADIENT_STEPS):
            active = inputs * ((step + 0.5) / GRADIENT_STEPS) @ self.hidden_weights + self.hidden_bias > 0
            gradient += (active * self.output_weights) @ self.hidden_weights.T
        input_shares = (inputs * gradient / GRADIENT_STEPS).astype(np.float64)
        n = features.shape[1]
        contributions = np.zeros((len(features), n + 1))
        contributions[:, :n] = input_shares[:, :n]
        contributions[:, self.flagged] += input_shares[:, n:]
        contributions[:, n] = self.scores(features) - contributions[:, :n].sum(axis=1)
        return contributions

    def used_features(self) -> Bools:
        """Return bool[n_features]: the features that are not constant."""
        is_used: Bools = np.array([len(own) > 1 for own in self.quantiles])
        is_used[self.flagged] = True
        return is_used

    def text(self) -> str:
        """Return the network as JSON text."""
        return json.dumps(
            {
                "knots": [one.tolist() for one in self.quantiles],
                "levels": [one.tolist() for one in self.normal_scores],
                "unsure": self.flagged.tolist(),
                "first": self.hidden_weights.tolist(),
                "bias": self.hidden_bias.tolist(),
                "second": self.output_weights.tolist(),
            }
        )

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return what `text` wrote."""
        values = json.loads(text)
        quantiles, normal_scores = (
            tuple(np.asarray(one, np.float32) for one in values[name]) for name in ("knots", "levels")
        )
        hidden_weights, hidden_bias, output_weights = (
            np.asarray(values[name], np.float32) for name in ("first", "bias", "second")
        )
        flagged = np.asarray(values["unsure"], np.int64)
        return cls.of(quantiles, normal_scores, flagged, hidden_weights, hidden_bias, output_weights)


def _quantile_map(column: Floats) -> tuple[Floats, Floats]:
    """Return distinct quantiles of a column, ascending, and the normal score of the mid-rank of each."""
    finite = np.sort(column[np.isfinite(column)])
    if not len(finite):
        return np.zeros(1, np.float32), np.zeros(1, np.float32)
    quantiles = np.unique(finite[evenly_spaced(len(finite), MAX_QUANTILES)])
    ranks = (np.searchsorted(finite, quantiles, side="left") + np.searchsorted(finite, quantiles, side="right")) / 2
    normal_scores = np.clip(ndtri(ranks / len(finite)), -MAX_NORMAL_SCORE, MAX_NORMAL_SCORE)
    return quantiles.astype(np.float32), normal_scores.astype(np.float32)

"""The ranker over the candidates: LightGBM trees, a small network, or the mean of several; stored as text."""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from recsys.arrays import Bools, Doubles, Floats
from recsys.ranking.forest import Forest
from recsys.ranking.groups import evenly_spaced, row_deviations
from recsys.ranking.network import Network

if TYPE_CHECKING:  # loaded where trees are: it brings scikit-learn along, a second of every process's start
    import lightgbm as lgb

# OpenMP reads this when LightGBM is loaded: waiting threads sleep. With spinning threads, training took ten times as
# long on a busy machine.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
THREADS = 2
"""Does not depend on the machine: LightGBM's sums, and so the trees, depend on the number of threads."""
MAX_SINGLE_THREAD_ROWS = 100_000
"""Up to this many rows a second thread costs more than it saves."""
MAX_SPREAD_QUESTIONS = 1_000
"""Questions, evenly spaced, for measuring the spread of a model's scores."""
RELATIVE_TOLERANCE = 1e-6
"""Scores that differ by less than this share of the largest count as equal."""
NETWORK = "network"
"""The value of `objective` for a network instead of trees."""
SOURCE = "source"
"""The value of `objective` for the rank of the source that `source` names."""
RANK_K = 60.0
"""Added to that rank before it is inverted, as in reciprocal rank fusion (Cormack et al. 2009)."""
DEFAULTS: dict[str, Any] = {
    "objective": "lambdarank",
    "metric": "ndcg",
    "eval_at": [10],
    "lambdarank_truncation_level": 20,
    "learning_rate": 0.05,
    "num_leaves": 31,
    "min_data_in_leaf": 100,
    "feature_fraction": 0.5,
    "bagging_fraction": 0.8,
    "bagging_freq": 1,
    "lambda_l2": 5.0,
}
FIXED: dict[str, Any] = {
    "max_bin": 127,
    "deterministic": True,
    "force_row_wise": True,
    "verbosity": -1,
}


@dataclass(frozen=True, slots=True)
class RankingDataset:
    """Training data of a ranker: features float32[n, f], labels int32[n] in {0, 1}, groups int64: rows per question."""

    features: Floats
    labels: NDArray[np.int32]
    groups: NDArray[np.int64]

    def sample(self, questions: int) -> Self:
        """Return at most this many questions, evenly spaced."""
        is_chosen = np.zeros(len(self.groups), bool)
        is_chosen[evenly_spaced(len(self.groups), questions)] = True
        if is_chosen.all():
            return self
        mask = np.repeat(is_chosen, self.groups)
        return type(self)(self.features[mask], self.labels[mask], self.groups[is_chosen])


class Trees:
    """A fitted LightGBM model. Scores come from its trees in arrays; the library is loaded for explanations alone."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._forest = Forest.parse(text)

    @cached_property
    def booster(self) -> "lgb.Booster":
        """The model as LightGBM has it."""
        import lightgbm as lgb

        return lgb.Booster(model_str=self._text)

    @property
    def rounds(self) -> int:
        """The number of trees."""
        return len(self._forest.roots)

    def scores(self, features: Floats) -> Doubles:
        """Return float64[n]: higher is better."""
        return self._forest.scores(features)

    def contributions(self, features: Floats) -> Doubles:
        """Return float64[n, f + 1]: TreeSHAP values, the base value last; rows sum to the scores."""
        return np.asarray(self.booster.predict(features, pred_contrib=True, num_threads=1))

    def used_features(self) -> Bools:
        """Return bool[n_features]: the features that any split uses."""
        is_used: Bools = np.asarray(self.booster.feature_importance("split")) > 0
        return is_used

    def text(self) -> str:
        """Return the model in LightGBM's text format."""
        return self._text


@dataclass(frozen=True, slots=True)
class SourceRank:
    """What the best single source says: 1 / (`RANK_K` + place in its list), 0 for what it does not list.

    `column` is the feature with the source's rank, among `n_features`.
    """

    column: int
    n_features: int

    def scores(self, features: Floats) -> Doubles:
        """Return float64[n]: higher is better."""
        places = features[:, self.column].astype(np.float64) + 1
        return np.nan_to_num(1 / (RANK_K + places), nan=0.0)

    def contributions(self, features: Floats) -> Doubles:
        """Return float64[n, f + 1]: the score in the one column, the base value 0."""
        contributions = np.zeros((len(features), self.n_features + 1))
        contributions[:, self.column] = self.scores(features)
        return contributions

    def used_features(self) -> Bools:
        """Return bool[n_features]: the one column."""
        is_used: Bools = np.arange(self.n_features) == self.column
        return is_used

    def text(self) -> str:
        """Return it as JSON text."""
        return json.dumps({"column": self.column, "n_features": self.n_features})


Model = Trees | Network | SourceRank


def train_trees(
    dataset: RankingDataset,
    params: Mapping[str, Any],
    names: Sequence[str],
    *,
    rounds: int,
    seed: int,
    stop_on: RankingDataset | None = None,
    patience: int = 0,
) -> Trees:
    """Return at most `rounds` LightGBM trees, deterministic for the same data and seed.

    With `stop_on`, training stops early after `patience` rounds without a better NDCG@10 on it, and the best round is
    returned. `params` are LightGBM's; they override `DEFAULTS`.
    """
    import lightgbm as lgb

    threads = 1 if len(dataset.labels) <= MAX_SINGLE_THREAD_ROWS else THREADS
    fixed = {**FIXED, "num_threads": threads, "seed": seed}

    def lgb_dataset(part: RankingDataset, reference: "lgb.Dataset | None" = None) -> "lgb.Dataset":
        return lgb.Dataset(
            part.features,
            part.labels,
            group=part.groups,
            feature_name=list(names),
            reference=reference,
            params=dict(fixed),
        )

    train_set = lgb_dataset(dataset)
    early_stopping_arguments: dict[str, Any] = {}
    if stop_on is not None:
        early_stopping_arguments = {
            "valid_sets": [lgb_dataset(stop_on, train_set)],
            "callbacks": [lgb.early_stopping(patience, verbose=False)],
        }
    booster = lgb.train({**DEFAULTS, **params, **fixed}, train_set, rounds, **early_stopping_arguments)
    return Trees(booster.model_to_string(num_iteration=booster.best_iteration or -1))


class Ranker:
    """A weighted sum of fitted models over the same named features."""

    def __init__(self, models: Sequence[Model], weights: Sequence[float], names: Sequence[str]) -> None:
        self.models = tuple(models)
        self.weights = tuple(weights)
        self.names = tuple(names)

    @classmethod
    def mean(
        cls,
        models: Sequence[Model],
        dataset: RankingDataset,
        names: Sequence[str],
        *,
        shares: Sequence[float] | None = None,
    ) -> Self:
        """Return the mean of models, each divided by the standard deviation of its scores within a question.

        The deviations are measured on at most `MAX_SPREAD_QUESTIONS` questions of `dataset`. A single model keeps its
        scores. A model with constant scores gets weight 0. `shares` weigh the models, else all count alike.
        """
        if len(models) == 1:
            return cls(models, (1.0,), names)
        dataset = dataset.sample(MAX_SPREAD_QUESTIONS)
        rows = np.repeat(np.arange(len(dataset.groups)), dataset.groups)
        spreads = [score_spread(one.scores(dataset.features), rows) for one in models]
        n_informative = max(1, sum(spread > 0 for spread in spreads))
        return cls(
            models,
            [
                share / (n_informative * spread) if spread > 0 else 0.0
                for spread, share in zip(spreads, shares or [1.0] * len(models), strict=True)
            ],
            names,
        )

    def scores(self, features: Floats) -> Floats:
        """Return float32[n]: higher is better; comparable within one question only."""
        total = np.zeros(len(features))
        if len(features):
            for model, weight in zip(self.models, self.weights, strict=True):
                total += weight * model.scores(features)
        return total.astype(np.float32)

    def contributions(self, features: Floats) -> Floats:
        """Return float32[n, f + 1]: each feature's share of the score, the base value last; rows sum to the scores."""
        total = np.zeros((len(features), len(self.names) + 1))
        for model, weight in zip(self.models, self.weights, strict=True):
            total += weight * model.contributions(features)
        return total.astype(np.float32)

    def used_features(self) -> Bools:
        """Return bool[n_features]: the features that any model uses."""
        is_used: Bools = np.any([model.used_features() for model in self.models], axis=0)
        return is_used

    def text(self) -> str:
        """Return the models as JSON text."""
        return json.dumps({"weights": self.weights, "models": [model.text() for model in self.models]}, indent=0)

    @classmethod
    def parse(cls, text: str, names: Sequence[str]) -> Self:
        """Return what `text` wrote."""
        values = json.loads(text)
        return cls([_parsed(one) for one in values["models"]], values["weights"], names)


def _parsed(text: str) -> Model:
    if not text.startswith("{"):  # LightGBM's text starts with the word "tree", the others are JSON
        return Trees(text)
    values = json.loads(text)
    return SourceRank(**values) if "column" in values else Network.parse(text)


def score_spread(scores: NDArray[np.floating], rows: NDArray[np.int64]) -> float:
    """Return the mean standard deviation of scores within a row; 0 where they are equal up to rounding.

    `rows` are codes from 0; each has at least one pair.
    """
    deviations = row_deviations(scores, rows, int(rows.max(initial=-1)) + 1)
    spread = float(deviations.mean()) if len(deviations) else 1.0
    return spread if spread > RELATIVE_TOLERANCE * max(1.0, float(np.abs(scores).max(initial=0.0))) else 0.0

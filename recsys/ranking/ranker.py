"""The ranker over the candidates: trees (LambdaMART and its kin), a small network, or the mean of several, as text."""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from recsys.arrays import Bools, Doubles, Floats
from recsys.ranking.groups import evenly_spaced, row_deviations
from recsys.ranking.network import Network

if TYPE_CHECKING:  # loaded where trees are: it brings scikit-learn along, a second of every process's start
    import lightgbm as lgb

# Read when LightGBM's OpenMP is loaded: threads that wait shall sleep. Spinning, they took ten times as long on a
# machine that had other work to do.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
THREADS = 2
"""Fixed by the size of the data: LightGBM's sums, and so the trees, depend on the number of threads."""
MAX_SINGLE_THREAD_ROWS = 100_000
"""Up to here a second thread waits more than it works."""
MAX_SINGLE_THREAD_PREDICTIONS = 5_000
"""The same for asking; here the number of threads changes nothing but the time."""
MAX_SPREAD_QUESTIONS = 1_000
"""Shoppers, evenly chosen, on whom it is measured how far a model spreads its scores."""
RELATIVE_TOLERANCE = 1e-6
"""Share of its largest score that a model's scores must differ by to tell candidates apart."""
NETWORK = "network"
"""The objective that asks for a network instead of trees."""
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
    """What a ranker learns from: features float32[n, f], labels int32[n] {0, 1}, groups int64: rows of each question."""

    features: Floats
    labels: NDArray[np.int32]
    groups: NDArray[np.int64]

    def sample(self, questions: int) -> Self:
        """Return at most so many questions, evenly chosen."""
        is_chosen = np.zeros(len(self.groups), bool)
        is_chosen[evenly_spaced(len(self.groups), questions)] = True
        if is_chosen.all():
            return self
        mask = np.repeat(is_chosen, self.groups)
        return type(self)(self.features[mask], self.labels[mask], self.groups[is_chosen])


@dataclass(frozen=True, slots=True)
class Trees:
    """A fitted LightGBM model."""

    booster: "lgb.Booster"

    @property
    def rounds(self) -> int:
        """How many trees there are."""
        return int(self.booster.num_trees())

    def scores(self, features: Floats) -> Doubles:
        """Return float64[n]: higher is better."""
        threads = 1 if len(features) <= MAX_SINGLE_THREAD_PREDICTIONS else THREADS
        return np.asarray(self.booster.predict(features, num_threads=threads, raw_score=True))

    def contributions(self, features: Floats) -> Doubles:
        """Return float64[n, f + 1]: each feature's share of the score (TreeSHAP), the base value last."""
        return np.asarray(self.booster.predict(features, pred_contrib=True, num_threads=1))

    def used_features(self) -> Bools:
        """Return bool[n_features]: which features a split looks at."""
        is_used: Bools = np.asarray(self.booster.feature_importance("split")) > 0
        return is_used

    def text(self) -> str:
        """Return LightGBM's text of the model."""
        return str(self.booster.model_to_string())

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return what `text` wrote."""
        import lightgbm as lgb

        return cls(lgb.Booster(model_str=text))


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
    """Return `rounds` LightGBM trees; with `stop_on`, up to the round with its best NDCG@10, sought for `patience` more.

    Params are LightGBM's, over `DEFAULTS`. Deterministic for the same data and seed.
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
    return Trees.parse(booster.model_to_string(num_iteration=booster.best_iteration or -1))


class Ranker:
    """Fitted models over the same named features. The score is the sum of theirs, each times its weight."""

    def __init__(self, models: Sequence[Trees | Network], weights: Sequence[float], names: Sequence[str]) -> None:
        self.models = tuple(models)
        self.weights = tuple(weights)
        self.names = tuple(names)

    @classmethod
    def mean(cls, models: Sequence[Trees | Network], sample: RankingDataset, names: Sequence[str]) -> Self:
        """Return the mean of models over the same names, each divided by how far it spreads a shopper's candidates.

        `seen` is what that is measured on, at most `SPREAD` shoppers of it. One model's scores stay as they are; one
        that tells no candidate from another has no voice.
        """
        if len(models) == 1:
            return cls(models, (1.0,), names)
        sample = sample.sample(MAX_SPREAD_QUESTIONS)
        rows = np.repeat(np.arange(len(sample.groups)), sample.groups)
        spreads = [score_spread(one.scores(sample.features), rows) for one in models]
        n_informative = max(1, sum(spread > 0 for spread in spreads))
        return cls(models, [1.0 / (n_informative * spread) if spread > 0 else 0.0 for spread in spreads], names)

    def scores(self, features: Floats) -> Floats:
        """Return float32[n]: higher is better, comparable within one shopper only."""
        total = np.zeros(len(features))
        if len(features):
            for model, weight in zip(self.models, self.weights, strict=True):
                total += weight * model.scores(features)
        return total.astype(np.float32)

    def contributions(self, features: Floats) -> Floats:
        """Return float32[n, f + 1]: each feature's share of the score, the base value last."""
        total = np.zeros((len(features), len(self.names) + 1))
        for model, weight in zip(self.models, self.weights, strict=True):
            total += weight * model.contributions(features)
        return total.astype(np.float32)

    def used_features(self) -> Bools:
        """Return bool[n_features]: which features any model looks at."""
        is_used: Bools = np.any([model.used_features() for model in self.models], axis=0)
        return is_used

    def text(self) -> str:
        """Return the models as JSON text."""
        return json.dumps({"weights": self.weights, "models": [model.text() for model in self.models]}, indent=0)

    @classmethod
    def parse(cls, text: str, names: Sequence[str]) -> Self:
        """Return what `text` wrote."""
        values = json.loads(text)
        # LightGBM's own text starts with the word tree, that of a network is JSON.
        models = [Network.parse(one) if one.startswith("{") else Trees.parse(one) for one in values["models"]]
        return cls(models, values["weights"], names)


def score_spread(scores: NDArray[np.floating], rows: NDArray[np.int64]) -> float:
    """Return how far scores differ within rows (codes of shoppers, each with one pair at least), on average.

    0 where they do not differ, but for rounding.
    """
    is_used = row_deviations(scores, rows, int(rows.max(initial=-1)) + 1)
    spread = float(is_used.mean()) if len(is_used) else 1.0
    return spread if spread > RELATIVE_TOLERANCE * max(1.0, float(np.abs(scores).max(initial=0.0))) else 0.0

"""LambdaMART over the candidates: trained with early stopping, deterministic, kept as LightGBM's text."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

# Read when LightGBM's OpenMP is loaded: threads that wait shall sleep. Spinning, they took ten times as long on a
# machine that had other work to do.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import lightgbm as lgb
import numpy as np
from numpy.typing import NDArray

from personalization.recommenders.base import Floats

THREADS = 2
"""Fixed by the size of the data: LightGBM's sums, and so the trees, depend on the number of threads."""
FEW_ROWS = 50_000
"""Up to here a second thread waits more than it works."""
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
    "max_bin": 127,
}
FIXED: dict[str, Any] = {
    "deterministic": True,
    "force_row_wise": True,
    "verbosity": -1,
}


@dataclass(frozen=True, slots=True)
class Judged:
    """Pairs with labels: features float32[n, f], labels {0, 1, …}, `groups` sizes of the shoppers' runs of rows."""

    features: Floats
    labels: NDArray[np.int32]
    groups: NDArray[np.int64]


class Ranker:
    """A fitted LambdaMART model over named features."""

    def __init__(self, booster: lgb.Booster, names: Sequence[str]) -> None:
        self.booster = booster
        self.names = tuple(names)

    @classmethod
    def fit(
        cls,
        train: Judged,
        *,
        names: Sequence[str],
        seed: int,
        valid: Judged | None = None,
        rounds: int = 600,
        patience: int = 25,
        params: Mapping[str, Any] | None = None,
    ) -> Self:
        """Return the model; with `valid`, the one of the best round, stopped after `patience` rounds without gain."""
        threads = 1 if len(train.labels) <= FEW_ROWS else THREADS
        settings = {**DEFAULTS, **(params or {}), **FIXED, "num_threads": threads, "seed": seed}
        data = lgb.Dataset(train.features, train.labels, group=train.groups, feature_name=list(names), params=settings)
        watched: list[lgb.Dataset] = []
        callbacks: list[Any] = []
        if valid is not None:
            watched = [lgb.Dataset(valid.features, valid.labels, group=valid.groups, reference=data)]
            callbacks = [lgb.early_stopping(patience, verbose=False)]
        booster = lgb.train(settings, data, rounds, valid_sets=watched, callbacks=callbacks)
        return cls.parse(booster.model_to_string(num_iteration=booster.best_iteration or -1), names)

    @property
    def rounds(self) -> int:
        """How many trees there are."""
        return int(self.booster.num_trees())

    def scores(self, features: Floats) -> Floats:
        """Return float32[n]: higher is better, comparable within one shopper only."""
        if not len(features):
            return np.empty(0, np.float32)
        threads = 1 if len(features) <= FEW_ROWS else THREADS
        scores = self.booster.predict(features, num_threads=threads)
        return np.asarray(scores, np.float32)

    def contributions(self, features: Floats) -> Floats:
        """Return float32[n, f + 1]: each feature's share of the score (TreeSHAP), the base value last."""
        return np.asarray(self.booster.predict(features, pred_contrib=True, num_threads=1), np.float32)

    def text(self) -> str:
        """Return the model as text."""
        return str(self.booster.model_to_string())

    @classmethod
    def parse(cls, text: str, names: Sequence[str]) -> Self:
        """Return what `text` wrote."""
        return cls(lgb.Booster(model_str=text), names)

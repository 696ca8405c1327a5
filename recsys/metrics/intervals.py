"""Bootstrap intervals: resamples draw shoppers with all their questions."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from recsys.arrays import Doubles, Floats, Longs

DRAWS = 1_000


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean with its 95 % bootstrap interval over `n` shoppers."""

    value: float
    low: float
    high: float
    n: int


def bootstrap(values: Doubles, *, shoppers: Longs | None = None, seed: int = 7, draws: int = DRAWS) -> Interval:
    """Return the mean of float64[n] values with its interval, as `intervals` does."""
    return intervals(values[:, None], shoppers=shoppers, seed=seed, draws=draws)[0]


def intervals(columns: Doubles, *, shoppers: Longs | None = None, seed: int = 7, draws: int = DRAWS) -> list[Interval]:
    """Return mean and percentile interval of each column of float64[n, m]; all columns share the resamples.

    `shoppers` is int64[n], the shopper of each row; by default each row has its own. Shoppers are drawn with all their
    rows: a shopper's rows are alike, and drawing single rows would make the interval too narrow (Field and Welsh,
    "Bootstrapping clustered data", 2007).
    """
    if not len(columns):
        return [Interval(float("nan"), float("nan"), float("nan"), 0)] * columns.shape[1]
    low, high = np.quantile(bootstrap_means(columns, shoppers=shoppers, seed=seed, draws=draws), [0.025, 0.975], axis=0)
    means = columns.mean(axis=0)
    n = len(columns) if shoppers is None else len(np.unique(shoppers))
    return [Interval(float(m), float(a), float(b), n) for m, a, b in zip(means, low, high, strict=True)]


def bootstrap_means(columns: Doubles, *, shoppers: Longs | None, seed: int, draws: int = DRAWS) -> Doubles:
    """Return float64[draws, m]: the column means of float64[n, m] in each bootstrap sample of the shoppers."""
    sums, sizes = columns, np.ones(len(columns))
    names, owner = np.unique(np.arange(len(columns)) if shoppers is None else shoppers, return_inverse=True)
    if len(names) < len(columns):
        sums, sizes = np.zeros((len(names), columns.shape[1])), np.bincount(owner).astype(np.float64)
        np.add.at(sums, owner, columns)
    counts = resample_counts(len(sums), seed=seed, draws=draws)
    means: Doubles = (counts @ sums) / (counts @ sizes)[:, None]
    return means


@lru_cache(maxsize=4)
def resample_counts(n: int, *, seed: int, draws: int) -> Floats:
    """Return float32[draws, n]: how often each shopper is drawn in each bootstrap sample."""
    rng = np.random.default_rng(seed)
    return np.stack([np.bincount(rng.integers(0, n, n), minlength=n) for _ in range(draws)]).astype(np.float32)


def share_better(values: Doubles, than: Doubles, *, shoppers: Longs, seed: int) -> float:
    """Return the share of paired bootstrap samples in which the mean of `values` is above that of `than`, both [n]."""
    difference = values - than
    if not difference.any():
        return 0.0
    return float((bootstrap_means(difference[:, None], shoppers=shoppers, seed=seed) > 0).mean())

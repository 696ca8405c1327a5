"""Bootstrap intervals: shoppers are drawn, with all their questions."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from recsys.arrays import Doubles, Floats, Longs

DRAWS = 1_000


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean with its 95 % bootstrap interval; `n` shoppers were drawn from."""

    value: float
    low: float
    high: float
    n: int


def bootstrap(values: Doubles, *, shoppers: Longs | None = None, seed: int = 7, draws: int = DRAWS) -> Interval:
    """Return the mean of the values with its percentile interval, as `intervals` does."""
    return intervals(values[:, None], shoppers=shoppers, seed=seed, draws=draws)[0]


def intervals(columns: Doubles, *, shoppers: Longs | None = None, seed: int = 7, draws: int = DRAWS) -> list[Interval]:
    """Return the interval of each column of float64[n, m]; all columns share the same resamples.

    Row i is of `shoppers[i]`, or each of a shopper of its own. Shoppers are drawn, with all their rows: one's answers
    are alike, and rows drawn one by one would make the interval too narrow (Field and Welsh, "Bootstrapping clustered
    data", 2007).
    """
    if not len(columns):
        return [Interval(float("nan"), float("nan"), float("nan"), 0)] * columns.shape[1]
    low, high = np.quantile(resampled(columns, shoppers=shoppers, seed=seed, draws=draws), [0.025, 0.975], axis=0)
    means = columns.mean(axis=0)
    n = len(columns) if shoppers is None else len(np.unique(shoppers))
    return [Interval(float(m), float(a), float(b), n) for m, a, b in zip(means, low, high, strict=True)]


def resampled(columns: Doubles, *, shoppers: Longs | None, seed: int, draws: int = DRAWS) -> Doubles:
    """Return float64[draws, m]: the mean of each column of float64[n, m] in each bootstrap sample of the shoppers."""
    sums, sizes = columns, np.ones(len(columns))
    names, owner = np.unique(np.arange(len(columns)) if shoppers is None else shoppers, return_inverse=True)
    if len(names) < len(columns):
        sums, sizes = np.zeros((len(names), columns.shape[1])), np.bincount(owner).astype(np.float64)
        np.add.at(sums, owner, columns)
    counts = resample_counts(len(sums), seed=seed, draws=draws)
    found: Doubles = (counts @ sums) / (counts @ sizes)[:, None]
    return found


@lru_cache(maxsize=4)
def resample_counts(n: int, *, seed: int, draws: int) -> Floats:
    """Return float32[draws, n]: how often each shopper is drawn in each bootstrap sample."""
    rng = np.random.default_rng(seed)
    return np.stack([np.bincount(rng.integers(0, n, n), minlength=n) for _ in range(draws)]).astype(np.float32)


def better(values: Doubles, than: Doubles, *, shoppers: Longs, seed: int) -> float:
    """Return the share of paired bootstrap samples of the shoppers in which the mean is higher."""
    difference = values - than
    if not difference.any():
        return 0.0
    return float((resampled(difference[:, None], shoppers=shoppers, seed=seed) > 0).mean())

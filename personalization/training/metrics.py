"""Ranking metrics over full slates, per shopper first, so that every mean carries a bootstrap interval. Pure numpy."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from personalization.ranking.exposure import TOP, shown_among_first
from personalization.recommenders.base import Bools, Doubles, Floats, Ints, Longs

CUTOFFS = (5, 10, 20)
DEEPEST = CUTOFFS[-1]
"""How long the slates are that metrics are taken of."""
DRAWS = 1_000
ABLATED = 200
"""Shoppers that the ablation is told of; here, since the report's page, which needs no learning, says so too."""
SHUFFLED_OF = 200
"""Shoppers that the importance of features is told of."""
TRADED = 1_000
"""Shoppers that the exposure constraint is measured on."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean with its 95 % bootstrap interval; `n` shoppers were drawn from."""

    value: float
    low: float
    high: float
    n: int


def hits(slates: Ints, targets: Sequence[Longs], n_items: int) -> Bools:
    """Return bool[n, k]: whether each item of the slates (int32[n, k], -1 behind the end) is a target."""
    if not len(slates):
        return np.zeros(slates.shape, bool)
    wanted = np.concatenate([row * n_items + own for row, own in enumerate(targets)])
    rows = np.arange(len(slates), dtype=np.int64)[:, None]
    found: Bools = np.isin(rows * n_items + slates, wanted) & (slates >= 0)
    return found


def sizes_of(targets: Sequence[Longs]) -> Longs:
    """Return int64[n]: how many right answers each question has."""
    return np.fromiter((len(own) for own in targets), np.int64, len(targets))


def asked_hits(slates: Ints, targets: Sequence[Longs], n_items: int) -> tuple[Longs, Bools, Longs]:
    """Return which rows have a target at all, the `hits` of these, and how many right answers each of these has."""
    sizes = sizes_of(targets)
    asked = np.flatnonzero(sizes)
    return asked, hits(slates[asked], [targets[row] for row in asked.tolist()], n_items), sizes[asked]


def asked_values(slates: Ints, targets: Sequence[Longs], n_items: int, *, metric: str) -> tuple[Longs, Doubles]:
    """Return which rows have a target at all, and a metric at 10 of each of these, by its name in `per_shopper`."""
    asked, hit, sizes = asked_hits(slates, targets, n_items)
    return asked, per_shopper(hit, sizes, k=10)[metric]


def per_shopper(hit: Bools, n_targets: Longs, *, k: int) -> dict[str, Doubles]:
    """Return float64[n] per metric at cut-off k; relevance is binary, the ideal list holds min(k, targets) of them."""
    top = hit[:, :k]
    found = top.sum(axis=1).astype(np.float64)
    discount = 1 / np.log2(np.arange(k) + 2)
    ideal = np.cumsum(discount)[np.minimum(np.maximum(n_targets, 1), k) - 1]
    first = np.where(top.any(axis=1), top.argmax(axis=1) + 1.0, np.inf)
    return {
        "ndcg": (top * discount[: top.shape[1]]).sum(axis=1) / ideal,
        "precision": found / k,
        "recall": found / np.maximum(n_targets, 1),
        "hit_rate": (found > 0).astype(np.float64),
        "mrr": 1 / first,
    }


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


def beyond_accuracy(slates: Ints, popularity: Doubles, *, listed: Bools) -> dict[str, float]:
    """Return coverage, Gini of exposure, novelty (mean self-information, bits) and popularity lift of the slates.

    Coverage and Gini are of what could be shown then (bool[n_items]).
    """
    shown = slates[:, :TOP]
    shown = shown[shown >= 0]
    exposure = shown_among_first(slates, len(listed))
    share = (popularity + 1) / (popularity + 1).sum()
    mean_popularity = float((popularity * popularity).sum() / max(popularity.sum(), 1e-9))
    return {
        "coverage": coverage(exposure[listed]),
        "gini": gini(exposure[listed]),
        "novelty": float(-np.log2(share[shown]).mean()) if len(shown) else float("nan"),
        "popularity_lift": float(popularity[shown].mean() / max(mean_popularity, 1e-9)) if len(shown) else float("nan"),
    }


def coverage(exposure: Doubles) -> float:
    """Return the share of items that were shown at all."""
    return float((exposure > 0).mean()) if len(exposure) else 0.0


def gini(exposure: Doubles) -> float:
    """Return the Gini coefficient of exposure: 0 is equal, 1 is all on one item."""
    total = exposure.sum()
    if total == 0:
        return 0.0
    ordered = np.sort(exposure)
    n = len(ordered)
    return float((2 * (np.arange(1, n + 1) * ordered).sum() / total - (n + 1)) / n)


def rmse(predicted: Doubles, actual: Doubles) -> float:
    """Return the root mean squared error."""
    return float(np.sqrt(np.mean((predicted - actual) ** 2)))


def all_metrics(hit: Bools, n_targets: Longs, *, shoppers: Longs) -> Mapping[str, Interval]:
    """Return every metric at every cut-off, as `ndcg@10` and so on; row i is a question of `shoppers[i]`."""
    columns = {f"{name}@{k}": values for k in CUTOFFS for name, values in per_shopper(hit, n_targets, k=k).items()}
    told = intervals(np.stack(list(columns.values()), axis=1), shoppers=shoppers)
    return dict(zip(columns, told, strict=True))


def ndcg(found: Ints, targets: Sequence[Longs], n_items: int) -> Doubles:
    """Return NDCG@10 per shopper."""
    return per_shopper(hits(found, targets, n_items), sizes_of(targets), k=10)["ndcg"]


def mean_ndcg(found: Ints, targets: Sequence[Longs], n_items: int) -> float:
    """Return the mean NDCG@10; 0 where nobody was asked."""
    values = ndcg(found, targets, n_items)
    return float(values.mean()) if len(values) else 0.0

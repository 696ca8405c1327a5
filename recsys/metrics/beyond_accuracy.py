"""Metrics beyond accuracy: coverage, Gini coefficient of exposure, novelty, popularity."""

import numpy as np

from recsys.arrays import Bools, Doubles, Ints

TOP = 10
"""Positions of a slate that count as exposure."""


def exposure_counts(slates: Ints, n_items: int) -> Doubles:
    """Return float64[n_items]: how often each item is among the first ten of slates, int32[n, k] padded with -1."""
    items = slates[:, :TOP]
    return np.bincount(items[items >= 0], minlength=n_items).astype(np.float64)


def beyond_accuracy(slates: Ints, popularity: Doubles, *, listed: Bools) -> dict[str, float]:
    """Return coverage, Gini, novelty (mean self-information in bits) and popularity lift of slates, int32[n, k].

    `popularity` is float64[n_items]. Coverage and Gini are over the items that were on sale, `listed`, bool[n_items].
    """
    items = slates[:, :TOP]
    items = items[items >= 0]
    exposure = exposure_counts(slates, len(listed))
    share = (popularity + 1) / (popularity + 1).sum()
    mean_popularity = float((popularity * popularity).sum() / max(popularity.sum(), 1e-9))
    return {
        "coverage": coverage(exposure[listed]),
        "gini": gini(exposure[listed]),
        "novelty": float(-np.log2(share[items]).mean()) if len(items) else float("nan"),
        "popularity_lift": float(popularity[items].mean() / max(mean_popularity, 1e-9)) if len(items) else float("nan"),
    }


def coverage(exposure: Doubles) -> float:
    """Return the share of items that were shown at least once."""
    return float((exposure > 0).mean()) if len(exposure) else 0.0


def gini(exposure: Doubles) -> float:
    """Return the Gini coefficient of exposure: 0 if all items are shown equally, 1 if only one is shown."""
    total = exposure.sum()
    if total == 0:
        return 0.0
    ordered = np.sort(exposure)
    n = len(ordered)
    return float((2 * (np.arange(1, n + 1) * ordered).sum() / total - (n + 1)) / n)

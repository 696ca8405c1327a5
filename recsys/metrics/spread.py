"""How widely slates show the catalog: coverage, Gini of exposure, novelty, popularity."""

import numpy as np

from recsys.arrays import Bools, Doubles, Ints

TOP = 10
"""Places of a slate that count as shown."""


def shown_among_first(slates: Ints, n_items: int) -> Doubles:
    """Return float64[n_items]: how often slates, int32[n, k] padded with -1, show each item among their first ten."""
    shown = slates[:, :TOP]
    return np.bincount(shown[shown >= 0], minlength=n_items).astype(np.float64)


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

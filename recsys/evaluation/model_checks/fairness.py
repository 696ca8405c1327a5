"""Metrics of fairness, shared by the gate (on held-out slates) and the nightly watch (on served ones).

An exposure is float64[n_items]: how often each item was shown.
"""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from recsys.arrays import (
    Bools,
    Doubles,
    Ints,
    Longs,
)
from recsys.evaluation.model_checks.slate_table import CatalogView
from recsys.metrics.beyond_accuracy import TOP
from recsys.metrics.intervals import resample_counts

RATIO_DRAWS = 1_000
EXPOSURE_DRAWS = 200
MIN_GROUP = 500
MIN_LISTED = 50
"""With fewer items, ten places show so much of the catalog that shares say nothing about a model."""


def has_suppliers(view: CatalogView) -> bool:
    """Return whether shares of suppliers are informative: enough items, and at least two known suppliers."""
    return view.n_listed >= MIN_LISTED and len(np.unique(view.supplier[view.supplier >= 0])) >= 2


def supplier_spread(exposure: Doubles, supplier: Ints) -> tuple[float, float, float]:
    """Return the smallest and the largest exposure ÷ catalog share, and the mean |log| of it weighted by share."""
    is_known = supplier >= 0
    exposure_of_supplier = np.bincount(supplier[is_known], exposure[is_known])
    items_of_supplier = np.bincount(supplier[is_known]).astype(np.float64)
    share = items_of_supplier[items_of_supplier > 0] / items_of_supplier.sum()
    ratio = exposure_of_supplier[items_of_supplier > 0] / max(exposure_of_supplier.sum(), 1e-12) / share
    gap = float((share * np.abs(np.log(np.maximum(ratio, 1e-3)))).sum())
    return float(ratio.min()), float(ratio.max()), gap


def mean_popularity(exposure: Doubles, popularity: Doubles) -> float:
    """Return the mean popularity of the shown items, weighted by exposure."""
    return float(exposure @ popularity) / max(float(exposure.sum()), 1e-12)


def lift(exposure: Doubles, target_items: Longs, popularity: Doubles) -> float:
    """Return the mean popularity of shown items over that of target items (codes).

    0 where nothing is shown, or all targets have popularity 0.
    """
    if not popularity[target_items].any():
        return 0.0
    return mean_popularity(exposure, popularity) / float(popularity[target_items].mean())


def has_new_items(view: CatalogView) -> bool:
    """Return whether the share of new items is informative: enough items, and some of them new."""
    return view.n_listed >= MIN_LISTED and bool(view.new.any())


def new_item_share(exposure: Doubles, new: Bools) -> float:
    """Return the new items' share of the exposure."""
    return float(exposure[new].sum() / max(exposure.sum(), 1e-12))


def large_groups(groups: Mapping[str, Sequence[str]]) -> list[tuple[str, str, Longs]]:
    """Return `group_members` of the groups with at least `MIN_GROUP` shoppers."""
    return [one for one in group_members(groups) if len(one[2]) >= MIN_GROUP]


def group_members(groups: Mapping[str, Sequence[str]]) -> list[tuple[str, str, Longs]]:
    """Return kind, label and rows of each group, sorted by both; `groups` as in `SlateTable`."""
    members = []
    for kind, labels in sorted(groups.items()):
        column = np.asarray(labels, dtype=str)
        for label in np.unique(column[column != ""]):
            members.append((kind, str(label), np.flatnonzero(column == label)))
    return members


def worst_over_best(values: Doubles, members: Sequence[Longs]) -> tuple[float, float]:
    """Return (lower 95 % bootstrap bound, point) of the worst group's mean over the best group's.

    `values` holds one number per shopper, `members` the rows of each group.
    """
    means = np.array([values[rows].mean() for rows in members])
    worst, best = members[int(means.argmin())], members[int(means.argmax())]
    rng = np.random.default_rng(7)
    low, high = (_means(values[rows], rng) for rows in (worst, best))
    point = float(means.min() / means.max()) if means.max() > 0 else 1.0
    return float(np.quantile(low / np.maximum(high, 1e-12), 0.05)), point


def exposure_draws(slates: Ints, n_items: int, *, shoppers: Longs | None = None) -> Iterator[Doubles]:
    """Yield the exposure of the first ten places of int32[n, k] (padded with -1) in each bootstrap draw of shoppers.

    Row i belongs to `shoppers[i]`; without `shoppers` each row is one shopper. The seed is fixed, so draws over tables
    of the same shoppers are paired.
    """
    names, owner = np.unique(np.arange(len(slates)) if shoppers is None else shoppers, return_inverse=True)
    rows, places = np.nonzero(slates[:, :TOP] >= 0)
    items, owners = slates[rows, places], owner[rows]
    for counts in resample_counts(len(names), seed=7, draws=EXPOSURE_DRAWS):
        yield np.bincount(items, weights=counts[owners], minlength=n_items).astype(np.float64)


def significantly_above(gaps: Doubles, *, slack: float) -> bool:
    """Return whether the 5 % quantile of bootstrapped gaps exceeds the slack; False for no gaps."""
    return float(np.quantile(gaps, 0.05)) > slack + 1e-9 if len(gaps) else False


def _means(values: Doubles, rng: np.random.Generator) -> Doubles:
    means: Doubles = np.array([values[rng.integers(0, len(values), len(values))].mean() for _ in range(RATIO_DRAWS)])
    return means

"""May this data be learnt from? Schema, volume and distribution against the last training; and alarms afterwards."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from personalization.recommenders.base import SIGNAL_NAMES, Ints
from personalization.training.dataset import Dataset

LEAST_ROWS = 1_000
LEAST_SHOPPERS = 50
LEAST_ITEMS = 10
SHRINKAGE = 0.7
"""A training set may not fall below this share of the last one."""
REMOVED_SHARE = 0.3
"""More rows set aside by cleaning than this share is a fault in the feed, not in the shoppers."""
SHIFT = 0.25
"""Population stability index above which a distribution counts as another one (the usual bar)."""
STABLE = 0.3
"""Mean overlap@10 of successive models' answers below which shoppers would see another shop overnight."""


@dataclass(frozen=True, slots=True)
class Check:
    """One check: what was measured, the bar, and whether it holds."""

    name: str
    value: float
    bar: float
    passed: bool
    message: str


def profile_of(dataset: Dataset) -> dict[str, Any]:
    """Return the sizes and distributions that the next training is compared with, as JSON values."""
    rows = dataset.interactions
    signals = np.bincount(rows.signals, minlength=len(SIGNAL_NAMES))
    activity = np.bincount(np.minimum(np.log2(np.bincount(rows.users, minlength=rows.n_users) + 1).astype(int), 12))
    hours = np.bincount((rows.times // 3_600 % 24).astype(int), minlength=24)
    return {
        "rows": len(rows),
        "shoppers": len(dataset.user_ids),
        "items": int(len(np.unique(rows.items))),
        "signals": signals.tolist(),
        "activity": np.pad(activity, (0, 13 - len(activity))).tolist(),
        "hours": hours.tolist(),
    }


def checked(dataset: Dataset, *, last: Mapping[str, Any] | None = None) -> list[Check]:
    """Return every check of a dataset; `last` is the profile of the data of the model that is live."""
    now = profile_of(dataset)
    removed = sum(one["rows"] for one in dataset.report.get("removed", []))
    share = removed / max(1, removed + now["rows"])
    checks = [
        _least("rows", now["rows"], LEAST_ROWS),
        _least("shoppers", now["shoppers"], LEAST_SHOPPERS),
        _least("items", now["items"], LEAST_ITEMS),
        Check("set aside", share, REMOVED_SHARE, share <= REMOVED_SHARE, "share of rows that cleaning set aside"),
    ]
    if last is None:
        return checks
    checks.append(_least("volume", now["rows"] / max(1, last["rows"]), SHRINKAGE))
    for name in ("signals", "activity", "hours"):
        index = stability_index(np.asarray(last[name], np.float64), np.asarray(now[name], np.float64))
        checks.append(Check(f"shift of {name}", index, SHIFT, index <= SHIFT, "population stability index"))
    return checks


def stability_index(before: NDArray[np.float64], after: NDArray[np.float64]) -> float:
    """Return the population stability index of two histograms over the same bins; 0 is equal."""
    one, two = (np.maximum(part / max(part.sum(), 1e-12), 1e-4) for part in (before, after))
    return float(((two - one) * np.log(two / one)).sum())


def overlap(before: Ints, after: Ints, *, k: int = 10) -> float:
    """Return the mean share of each shopper's first k answers (int32[n, ≥ k], -1 behind the end) that both give."""
    shares = [
        len(set(one[:k].tolist()) & set(two[:k].tolist()) - {-1}) / k for one, two in zip(before, after, strict=True)
    ]
    return float(np.mean(shares)) if shares else 1.0


def stability(before: Ints, after: Ints) -> Check:
    """Return whether a new model answers enough like the last one."""
    share = overlap(before, after)
    return Check("stability", share, STABLE, share >= STABLE, "mean overlap@10 with the last model's answers")


def failed(checks: Sequence[Check]) -> list[str]:
    """Return a sentence per check that does not hold: the alarm's text."""
    return [f"{one.name}: {one.value:.3g}, bar {one.bar:.3g} ({one.message})" for one in checks if not one.passed]


def _least(name: str, value: float, bar: float) -> Check:
    return Check(name, float(value), float(bar), value >= bar, "must not be lower")

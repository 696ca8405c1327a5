"""Answers within visits, by known and new shoppers: metrics, and the difference to the best peer of each metric."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from recsys.arrays import Bools, Ints, Longs
from recsys.data.folds import Fold, Protocol
from recsys.evaluation.report import metrics_by_targets
from recsys.metrics.intervals import bootstrap, share_better
from recsys.metrics.registry import values_with_targets

VISIT_BARS: Mapping[Protocol, tuple[tuple[str, int], ...]] = {
    "next-item": (("hit_rate", 20), ("mrr", 20)),
    "product-page": (("hit_rate", 10),),
}
"""Protocols that ask within visits, with the metrics and cut-offs of their comparisons."""


def visitors(fold: Fold) -> dict[str, Bools]:
    """Return bool[n] of all questions, of those of known shoppers, and of those without rows in the past."""
    return {"all": np.ones(len(fold), np.bool_), "known": ~fold.newcomers, "new": fold.newcomers}


def metrics_by_visitor(slates: Ints, fold: Fold) -> dict[str, Any]:
    """Return `metrics_by_targets` of the questions of known and of new shoppers."""
    groups = {name: np.flatnonzero(mask) for name, mask in visitors(fold).items() if name != "all"}
    return {name: metrics_by_targets(slates[rows], fold.of_rows(rows)) for name, rows in groups.items()}


def visit_bars(
    slates: Ints, slates_by_peer: Mapping[str, Ints], fold: Fold, *, protocol: Protocol, seed: int
) -> list[dict[str, Any]]:
    """Return, for each metric of the protocol and each group of visitors, the difference to the best peer.

    The best peer is chosen on these questions, for this metric and group, which favors it.
    """
    bars = []
    for group, mask in visitors(fold).items():
        rows = np.flatnonzero(mask)
        part = fold.of_rows(rows)
        lists = {name: own[rows] for name, own in slates_by_peer.items()}
        for kind, targets in (("warm", part.warm_targets()), ("together", part.targets)):
            for metric, k in VISIT_BARS.get(protocol, ()):
                bar = _bar(slates[rows], lists, part, targets, metric=metric, k=k, seed=seed)
                bars += [{"visitors": group, "targets": kind, **bar}] if bar else []
    return bars


def _bar(
    slates: Ints, lists: Mapping[str, Ints], fold: Fold, targets: Sequence[Longs], *, metric: str, k: int, seed: int
) -> dict[str, Any]:
    """Return one comparison; {} without peers or targets."""
    rows, released = values_with_targets(slates, targets, fold.n_items, metric=metric, k=k)
    if not len(rows) or not lists:
        return {}
    peers = {
        name: values_with_targets(own, targets, fold.n_items, metric=metric, k=k)[1] for name, own in lists.items()
    }
    best = max(sorted(peers), key=lambda name: float(peers[name].mean()))
    shoppers = fold.users[rows]
    return {
        "metric": f"{metric}@{k}",
        "questions": len(rows),
        "released": float(released.mean()),
        "peer": best,
        "best": float(peers[best].mean()),
        "ratio": float(released.mean() / peers[best].mean()) if peers[best].any() else None,
        "difference": asdict(bootstrap(released - peers[best], shoppers=shoppers, seed=seed)),
        "chance": share_better(released, peers[best], shoppers=shoppers, seed=seed),
    }

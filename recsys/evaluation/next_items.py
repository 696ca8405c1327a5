"""The value of live history: next items of held-out shoppers, predicted with all events until then."""

from dataclasses import asdict
from typing import Any

import numpy as np

from recsys.data.dataset import Dataset
from recsys.data.folds import Fold, with_nightly_profiles
from recsys.data.visits import next_item
from recsys.metrics.hits import hits
from recsys.metrics.registry import all_metrics
from recsys.ranking.model import HybridModel
from recsys.training.served_slates import model_slates

MAX_ITEMS = 300


def next_items(model: HybridModel, dataset: Dataset, test: Fold, *, max_events: int | None) -> dict[str, Any]:
    """Return every metric with its 95 % interval on at most 300 next items from the cut of `test` on, as JSON values.

    Under "live" the profiles hold all events before the item, under "frozen" only those before the cut, as if profiles
    were read at training time. "popular" is popularity. `max_events` bounds the events of a profile. {} without such
    items, and where the past of `test` does not end before its cut (leave-one-out), as the model was fitted on them.
    """
    if test.past.times.max(initial=-np.inf) >= test.until:
        return {}
    live = next_item(
        dataset, start=test.until, end=float("inf"), new_only=test.new_only, limit=MAX_ITEMS, max_events=max_events
    )
    if not len(live):
        return {}
    return {
        "live": _metrics(model, live, strategy=None),
        "frozen": _metrics(model, with_nightly_profiles(live, max_events=max_events), strategy=None),
        "popular": _metrics(model, live, strategy="popular"),
    }


def _metrics(model: HybridModel, fold: Fold, *, strategy: str | None) -> dict[str, Any]:
    hit = hits(model_slates(model, fold, strategy=strategy), fold.targets, fold.n_items)
    intervals = all_metrics(hit, np.ones(len(fold), np.int64), shoppers=fold.users)
    return {name: asdict(interval) for name, interval in intervals.items()}

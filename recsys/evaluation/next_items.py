"""What live history is worth: the next item of held-out shoppers, asked with all that they had done until then."""

from dataclasses import asdict
from typing import Any

import numpy as np

from recsys.data.dataset import Dataset
from recsys.data.folds import Fold, frozen, next_item
from recsys.metrics.hits import hits
from recsys.metrics.registry import all_metrics
from recsys.ranking.model import HybridModel
from recsys.training.served_slates import model_slates

MAX_ITEMS = 300


def next_items(model: HybridModel, dataset: Dataset, test: Fold, *, max_events: int | None) -> dict[str, Any]:
    """Return every metric with its 95 % interval, of at most 300 next items from the cut of `test` on, as JSON values.

    Under "live" the released model knew each shopper until that very moment, under "frozen" until the cut, as if events
    were only read when a model is trained; "popular" is popularity. {} where there is no such item, and where the past
    of `test` does not end before its cut (leave-one-out): the items would be what was learnt. `newest` is how many
    events a profile holds at most, where it is bounded.
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
        "frozen": _metrics(model, frozen(live, max_events=max_events), strategy=None),
        "popular": _metrics(model, live, strategy="popular"),
    }


def _metrics(model: HybridModel, fold: Fold, *, strategy: str | None) -> dict[str, Any]:
    hit = hits(model_slates(model, fold, strategy=strategy), fold.targets, fold.n_items)
    intervals = all_metrics(hit, np.ones(len(fold), np.int64), shoppers=fold.users)
    return {name: asdict(interval) for name, interval in intervals.items()}

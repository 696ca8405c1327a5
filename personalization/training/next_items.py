"""What live history is worth: the next item of held-out shoppers, asked with all that they had done until then."""

from dataclasses import asdict
from typing import Any

import numpy as np

from personalization.ranking.bundle import Bundle
from personalization.recommenders.base import Interactions
from personalization.training.cold_start_curve import served
from personalization.training.folds import Fold, next_item
from personalization.training.metrics import all_metrics, hits

QUESTIONS = 300


def next_items(bundle: Bundle, interactions: Interactions, test: Fold, *, newest: int | None) -> dict[str, Any]:
    """Return every metric with its 95 % interval, of at most 300 next items from the cut of `test` on, as JSON values.

    Under "live" the released model knew each shopper until that very moment, under "frozen" until the cut, as if events
    were only read when a model is trained; "popular" is popularity. {} where there is no such item. `newest` is how
    many events a profile holds at most, where it is bounded.
    """
    end, new_only = float("inf"), test.new_only
    folds = {
        name: next_item(
            interactions, start=test.until, end=end, new_only=new_only, live=live, limit=QUESTIONS, newest=newest
        )
        for name, live in (("live", True), ("frozen", False))
    }
    live = folds["live"]
    if not len(live):
        return {}
    found = {name: _judged(bundle, fold, strategy=None) for name, fold in folds.items()}
    return found | {"popular": _judged(bundle, live, strategy="popular")}


def _judged(bundle: Bundle, fold: Fold, *, strategy: str | None) -> dict[str, Any]:
    hit = hits(served(bundle, fold, fold.profiles, k=20, strategy=strategy), fold.targets, bundle.catalogue.n_items)
    told = all_metrics(hit, np.ones(len(fold), np.int64), shoppers=fold.users)
    return {name: asdict(interval) for name, interval in told.items()}

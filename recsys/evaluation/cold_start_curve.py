"""The cold-start curve: quality of the released model when only the newest few events of each shopper count."""

from dataclasses import asdict, replace
from typing import Any

import numpy as np

from recsys.arrays import Doubles
from recsys.data.folds import ROWS, Fold
from recsys.data.profile import Profile
from recsys.metrics.hits import hits, target_counts
from recsys.metrics.intervals import bootstrap
from recsys.metrics.registry import metric_values
from recsys.ranking.model import HybridModel
from recsys.ranking.newcomers import PRIOR
from recsys.training.plan import make_sources
from recsys.training.served_slates import padded

EVENT_COUNTS = (0, 1, 2, 5, 10)
"""The numbers of newest events that the points keep."""
MAX_SHOPPERS = 300
SLATE_SIZE = 10
METRICS = {"ndcg@10": "ndcg", "hit_rate@10": "hit_rate"}


def cold_start(bundle: HybridModel, fold: Fold) -> list[dict[str, Any]]:
    """Return a point for each number of events, and one for whole histories (`events` None), as JSON values.

    All points use the same shoppers, at most 300; shorter histories are kept whole. Each point has NDCG@10 and HR@10 of
    the released model and of popularity, with 95 % intervals.
    """
    part = fold.sample(MAX_SHOPPERS)
    if not len(part):
        return []
    bundle = _with_prior(bundle, fold)
    popular = _values(bundle, part, events=0, strategy="popular")
    points = []
    for events in (*EVENT_COUNTS, None):
        values_by_model = {"released": _values(bundle, part, events=events, strategy=None), "popular": popular}
        intervals = {
            model: {name: asdict(bootstrap(values[metric], shoppers=part.users)) for name, metric in METRICS.items()}
            for model, values in values_by_model.items()
        }
        points.append({"events": events, **intervals})
    return points


def _with_prior(bundle: HybridModel, fold: Fold) -> HybridModel:
    """Return the bundle with the prior fitted, which answers shoppers with attributes and no history once released."""
    if PRIOR in bundle.sources or not any(fold.past.shoppers):
        return bundle
    prior = make_sources((PRIOR,), {})[PRIOR].fit(fold.past, bundle.catalog)
    return replace(bundle, sources={**bundle.sources, PRIOR: prior})


def newest(profile: Profile, events: int) -> Profile:
    """Return the profile with only this many of the newest events; attributes stay."""
    start = max(0, len(profile.items) - events)
    return replace(profile, **{name: getattr(profile, name)[start:] for name in ROWS})


def _values(bundle: HybridModel, fold: Fold, *, events: int | None, strategy: str | None) -> dict[str, Doubles]:
    """Return every metric of each question, float64[n], with this many of the newest events (None: all)."""
    profiles, contexts = fold.profiles, fold.contexts
    if events is not None:
        profiles = [newest(one, events) for one in profiles]
    if fold.new_only:  # products of the whole history are no targets, also those of the events left out
        history_items = [tuple(np.unique(one.items).tolist()) for one in fold.profiles]
        contexts = [replace(one, exclude=own) for one, own in zip(contexts, history_items, strict=True)]
    slates = bundle.slate_many(profiles, contexts, SLATE_SIZE, strategy=strategy)
    slate_items = padded((slate.items for slate in slates), n=len(fold), k=SLATE_SIZE)
    return metric_values(hits(slate_items, fold.targets, fold.n_items), target_counts(fold.targets), k=SLATE_SIZE)

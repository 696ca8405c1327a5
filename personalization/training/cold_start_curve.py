"""How fast a newcomer is known: the released model's answers when only the newest few events of each shopper count."""

from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np

from personalization.ranking.bundle import Bundle
from personalization.ranking.newcomers import PRIOR
from personalization.recommenders.base import Doubles, Profile
from personalization.training.bundle_slates import bundle_slates
from personalization.training.folds import ROWS, Fold
from personalization.training.metrics import bootstrap, hits, per_shopper, sizes_of
from personalization.training.plan import fresh

KNOWN = (0, 1, 2, 5, 10)
"""How many of a shopper's newest events are kept."""
NEWCOMERS = 300
SLATE = 10
METRICS = {"ndcg@10": "ndcg", "hit_rate@10": "hit_rate"}


def cold_start(bundle: Bundle, fold: Fold) -> list[dict[str, Any]]:
    """Return a point for each number of known events, and one for whole histories (`events` None), as JSON values.

    Always the same shoppers, at most 300: who has done less than a point says counts with all they did. Each point has
    NDCG@10 and HR@10 of the released model and of popularity, with 95 % intervals.
    """
    part = fold.sample(NEWCOMERS)
    if not len(part):
        return []
    bundle = _with_prior(bundle, fold)
    if part.new_only:  # what a shopper had is no right answer, whether it is among the events that count or not
        part = part.excluding([tuple(np.unique(one.items).tolist()) for one in part.profiles])
    popular = _values(bundle, part, [newest(one, 0) for one in part.profiles], strategy="popular")
    points = []
    for events in (*KNOWN, None):
        profiles = [one if events is None else newest(one, events) for one in part.profiles]
        found = {"released": _values(bundle, part, profiles, strategy=None), "popular": popular}
        told = {
            model: {name: asdict(bootstrap(values[metric], shoppers=part.users)) for name, metric in METRICS.items()}
            for model, values in found.items()
        }
        points.append({"events": events, **told})
    return points


def _with_prior(bundle: Bundle, fold: Fold) -> Bundle:
    """Return the bundle as it answers once released: shoppers of whom attributes alone are known, by the prior."""
    if PRIOR in bundle.sources or not any(fold.past.shoppers):
        return bundle
    prior = fresh((PRIOR,), {})[PRIOR].fit(fold.past, bundle.catalogue)
    return replace(bundle, sources={**bundle.sources, PRIOR: prior})


def newest(profile: Profile, events: int) -> Profile:
    """Return the shopper with only so many of the newest events; attributes stay."""
    start = max(0, len(profile.items) - events)
    return replace(profile, **{name: getattr(profile, name)[start:] for name in ROWS})


def _values(bundle: Bundle, fold: Fold, profiles: Sequence[Profile], *, strategy: str | None) -> dict[str, Doubles]:
    found = bundle_slates(bundle, fold, k=SLATE, strategy=strategy, profiles=profiles)
    return per_shopper(hits(found, fold.targets, fold.n_items), sizes_of(fold.targets), k=SLATE)

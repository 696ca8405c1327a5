"""Stability: the overlap of the answers of the live and the new model to the same questions."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from recsys.arrays import Floats, Ints
from recsys.data.catalog import Catalog
from recsys.data.data_checks import Check, stability
from recsys.data.folds import Fold
from recsys.data.profile import Profile
from recsys.ranking.model import HybridModel
from recsys.training.served_slates import model_slates, padded

N_QUESTIONS, K = 500, 10


def model_stability(live: HybridModel, fresh: HybridModel, fold: Fold) -> Check:
    """Return the check of overlap@10 between both models on a sample of the fold's questions.

    The fold has the fresh model's item codes. Profiles are recoded for the live model, and its answers recoded back.
    """
    part = fold.sample(N_QUESTIONS)
    live_codes = codes_in(live.catalog, fresh.catalog.item_ids)
    fresh_codes = codes_in(fresh.catalog, live.catalog.item_ids)
    profiles = [recoded(profile, live_codes, live.event_weights) for profile in part.profiles]
    live_items = [fresh_codes[slate.items] for slate in live.slate_many(profiles, part.contexts, K)]
    return stability(padded(live_items, n=len(part), k=K), model_slates(fresh, part, k=K))


def codes_in(catalog: Catalog, item_ids: Sequence[str]) -> Ints:
    """Return int32[len(item_ids)]: the catalog's code of each product, -1 where it has none."""
    codes = {name: code for code, name in enumerate(catalog.item_ids)}
    return np.fromiter((codes.get(name, -1) for name in item_ids), np.int32, len(item_ids))


def recoded(profile: Profile, codes: Ints, weights: Floats) -> Profile:
    """Return the profile with items in other codes (int32[n_items], -1 for none); items without a code are dropped.

    Events get the `weights` of their signals, except events of weight 0, which are dislikes.
    """
    items = codes[profile.items]
    is_known = items >= 0
    return replace(
        profile,
        items=items[is_known],
        times=profile.times[is_known],
        signals=profile.signals[is_known],
        weights=np.where(profile.weights[is_known] > 0, weights[profile.signals[is_known]], 0).astype(np.float32),
        values=profile.values[is_known],
    )

"""Ranks the shop's own list for one shopper."""

from collections.abc import Sequence

import numpy as np

from common.ids import uuid7
from personalization.serving.answers import RankAnswer
from personalization.serving.fallback_reason import fallback_reason
from personalization.serving.shoppers import Shopper
from personalization.serving.snapshot import Snapshot
from recsys.arrays import Ints
from recsys.data.profile import Context


def rank_list(snapshot: Snapshot, shopper: Shopper, product_ids: Sequence[str]) -> RankAnswer:
    """Return the list in personal order, each id once. For a stranger, the given order stays."""
    unique_ids = list(dict.fromkeys(product_ids))
    known_ids = [product_id for product_id in unique_ids if product_id in snapshot.serving_catalog.codes]
    unknown_ids = [product_id for product_id in unique_ids if product_id not in snapshot.serving_catalog.codes]
    codes = np.asarray([snapshot.serving_catalog.codes[product_id] for product_id in known_ids], np.int32)
    ranked_codes = _rank_codes(snapshot, shopper, codes) if shopper.personal and len(codes) else None
    names = snapshot.serving_catalog.columns.product_ids
    return RankAnswer(
        recommendation_id=str(uuid7()),
        product_ids=(
            *(names[code] for code in (codes if ranked_codes is None else ranked_codes).tolist()),
            *unknown_ids,
        ),
        personalized=ranked_codes is not None,
        degraded=fallback_reason(snapshot, shopper),
    )


def _rank_codes(snapshot: Snapshot, shopper: Shopper, codes: Ints) -> Ints | None:
    """Return the codes in the shopper's order; None where nothing is known to order them by."""
    if snapshot.bundle is not None:
        return snapshot.bundle.rank(shopper.profile, Context(), codes).items
    likeness = _likeness(snapshot, shopper)
    return None if likeness is None else codes[np.argsort(-likeness[codes], kind="stable")]


def _likeness(snapshot: Snapshot, shopper: Shopper) -> np.ndarray | None:
    """Return each product's text similarity to the shopper's latest items; None for a shopper without history."""
    if not shopper.latest_items:
        return None
    shares = [
        snapshot.serving_catalog.kinship.similarities(code) / place
        for place, code in enumerate(shopper.latest_items, 1)
    ]
    total: np.ndarray = np.sum(shares, axis=0)
    return total

"""The shop's own list in the shopper's order."""

from collections.abc import Sequence

import numpy as np

from common.ids import uuid7
from personalization.serving.answers import RankAnswer
from personalization.serving.fallback_reason import degraded
from personalization.serving.shoppers import Shopper
from personalization.serving.snapshot import Snapshot
from recsys.arrays import Ints
from recsys.data.profile import Context


def ranked(snapshot: Snapshot, shopper: Shopper, product_ids: Sequence[str]) -> RankAnswer:
    """Return the list in personal order; without a model the given order stays. Each id comes back once."""
    wanted = list(dict.fromkeys(product_ids))
    known = [product_id for product_id in wanted if product_id in snapshot.shelf.codes]
    unknown = [product_id for product_id in wanted if product_id not in snapshot.shelf.codes]
    codes = np.asarray([snapshot.shelf.codes[product_id] for product_id in known], np.int32)
    ordered = _ordered(snapshot, shopper, codes)
    names = snapshot.shelf.columns.product_ids
    return RankAnswer(
        recommendation_id=str(uuid7()),
        product_ids=(*(names[code] for code in ordered.tolist()), *unknown),
        degraded=degraded(snapshot, shopper),
    )


def _ordered(snapshot: Snapshot, shopper: Shopper, codes: Ints) -> Ints:
    if not len(codes):
        return codes
    if snapshot.bundle is not None:
        return snapshot.bundle.rank(shopper.profile, Context(), codes).items
    liked = _likeness(snapshot, shopper)
    return codes if liked is None else codes[np.argsort(-liked[codes], kind="stable")]


def _likeness(snapshot: Snapshot, shopper: Shopper) -> np.ndarray | None:
    """Return how like each product is to the shopper's latest few, or None for a shopper nobody knows."""
    if not shopper.lately:
        return None
    shares = [snapshot.shelf.kinship.similarities(code) / place for place, code in enumerate(shopper.lately, 1)]
    total: np.ndarray = np.sum(shares, axis=0)
    return total

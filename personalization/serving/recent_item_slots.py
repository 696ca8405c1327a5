"""Recent item slots: positions for products close to the one the shopper looked at last. A click changes them."""

from collections.abc import Iterator, Sequence

import numpy as np

from personalization.rules.slate import (
    Cap,
    insert,
    last_unfixed,
    within_caps,
)
from personalization.serving.answers import Reason
from personalization.serving.proposals import neighbors
from personalization.serving.reasons import Reasoner
from personalization.serving.snapshot import Snapshot
from recsys.arrays import Bools

PLACE = 2
"""The index of the first slot: visible without scrolling, behind the best of the ranking."""
N_NEIGHBORS = 20
RECENT_ITEM_SLOT = "in a slot for products close to the one looked at last"


def fill_recent_item_slots(
    snapshot: Snapshot,
    reasoner: Reasoner,
    slate: list[int],
    reasons: dict[int, Reason],
    *,
    most: int,
    mask: Bools,
    fixed: set[int],
    caps: Sequence[Cap],
) -> list[int]:
    """Return the slate with up to `most` items whose reason is the latest product; write these reasons to `reasons`.

    `fixed` items (pins) stay where they are. New items obey mask and caps. Items of the slate that already have this
    reason count.
    """
    latest = next(reversed(reasoner.shopper.latest), None)
    if latest is None or len(slate) < 2:  # the only position belongs to the best item
        return slate
    latest_id = snapshot.serving_catalog.columns.product_ids[latest]
    slot_items = {
        code
        for code, reason in reasons.items()
        if latest_id in reason.product_ids or reason == reasoner.because(latest)
    }
    for code in _candidates(snapshot, reasoner, latest, mask, fixed):
        if len(slot_items) >= most or (code == latest and slot_items):
            break
        if code not in slate:
            if code in slot_items or not _fits(code, slate, fixed | slot_items, caps):
                continue
            slate = insert(slate, code, PLACE, fixed=fixed | slot_items)
        reasons[code] = reasoner.own(code) if code == latest else reasoner.because(latest)
        slot_items.add(code)
    return slate


def _fits(code: int, slate: list[int], fixed: set[int], caps: Sequence[Cap]) -> bool:
    """Return whether the item obeys the caps once it replaces the item that leaves."""
    leaves = last_unfixed(slate, fixed)
    stays = [other for place, other in enumerate(slate) if place != leaves]
    return leaves is not None and len(within_caps(np.array([code], np.int32), stays, caps)) == 1


def _candidates(snapshot: Snapshot, reasoner: Reasoner, latest: int, mask: Bools, fixed: set[int]) -> Iterator[int]:
    """Yield neighbors that are no variants of the latest product, then the product itself."""
    group = snapshot.serving_catalog.columns.group_of
    near = neighbors(snapshot, latest, mask=mask, now=reasoner.shopper.profile.now, k=N_NEIGHBORS)
    yield from (code for code in near if code not in fixed and group[code] != group[latest])
    if mask[latest] and latest not in fixed:
        yield latest

"""A click changes the next answer: places kept for what is close to the product the shopper looked at last."""

from collections.abc import Iterator, Sequence

import numpy as np

from personalization.rules.slate import (
    Cap,
    fitting,
    inserted,
    last_free,
)
from personalization.serving.answers import Reason
from personalization.serving.proposals import neighbors
from personalization.serving.reasons import Reasoner
from personalization.serving.snapshot import Snapshot
from recsys.arrays import Bools

PLACE = 2
"""Where the first fresh item stands, from 0: seen without scrolling, behind the best of the ranking."""
TRIED = 20
FRESH = "in a place kept for what is close to the product looked at last"


def freshen(
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
    """Return the slate with up to `most` items whose reasons name the latest product, and note these reasons.

    `fixed` items (pins) are neither moved nor removed; what the mask forbids, or a cap, is not shown. Items of the
    slate that name the product already count.
    """
    latest = next(reversed(reasoner.shopper.latest), None)
    if latest is None or len(slate) < 2:  # the only place is the best one's
        return slate
    named = snapshot.shelf.columns.product_ids[latest]
    kept = {
        code for code, reason in reasons.items() if named in reason.product_ids or reason == reasoner.because(latest)
    }
    for code in _candidates(snapshot, reasoner, latest, mask, fixed):
        if len(kept) >= most or (code == latest and kept):
            break
        if code not in slate:
            if code in kept or not _fits(code, slate, fixed | kept, caps):
                continue
            slate = inserted(slate, code, PLACE, fixed=fixed | kept)
        reasons[code] = reasoner.own(code) if code == latest else reasoner.because(latest)
        kept.add(code)
    return slate


def _fits(code: int, slate: list[int], fixed: set[int], caps: Sequence[Cap]) -> bool:
    """Return whether the item may come into the slate in the place of the one that would leave."""
    leaves = last_free(slate, fixed)
    stays = [other for place, other in enumerate(slate) if place != leaves]
    return leaves is not None and len(fitting(np.array([code], np.int32), stays, caps)) == 1


def _candidates(snapshot: Snapshot, reasoner: Reasoner, latest: int, mask: Bools, fixed: set[int]) -> Iterator[int]:
    """Yield what may carry the reason: a neighbor that is no variant of the product, else the product itself."""
    group = snapshot.shelf.columns.group_of
    near = neighbors(snapshot, latest, mask=mask, now=reasoner.shopper.profile.now, k=TRIED)
    yield from (code for code in near if code not in fixed and group[code] != group[latest])
    if mask[latest] and latest not in fixed:
        yield latest

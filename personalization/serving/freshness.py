"""A click changes the next answer: places kept for what is close to the product the shopper looked at last."""

from collections.abc import Iterator

from personalization.recommenders.base import Bools
from personalization.serving.answers import Reason
from personalization.serving.reasons import Reasoner
from personalization.serving.recall import neighbours
from personalization.serving.snapshot import Snapshot

PLACE = 2
"""Where the first fresh item stands, from 0: seen without scrolling, behind the best of the ranking."""
TRIED = 20


def freshen(
    snapshot: Snapshot,
    reasoner: Reasoner,
    slate: list[int],
    reasons: dict[int, Reason],
    *,
    mask: Bools,
    fixed: set[int],
) -> list[int]:
    """Return the slate with an item whose reason names the latest product, and note that reason.

    `fixed` items (pins) are neither moved nor removed; what the mask forbids is not shown. A slate that already names
    the product stays as it is.
    """
    latest = next(reversed(reasoner.shopper.latest or {}), None)
    if latest is None or not slate:
        return slate
    named = snapshot.shelf.columns.product_ids[latest]
    if any(named in reason.product_ids or reason == reasoner.because(latest) for reason in reasons.values()):
        return slate
    code = next(_candidates(snapshot, reasoner, latest, mask, fixed), None)
    if code is None:
        return slate
    reasons[code] = reasoner.own(code) if code == latest else reasoner.because(latest)
    return slate if code in slate else _inserted(slate, code, fixed)


def _candidates(snapshot: Snapshot, reasoner: Reasoner, latest: int, mask: Bools, fixed: set[int]) -> Iterator[int]:
    """Yield what may carry the reason: a neighbor that is no variant of the product, else the product itself."""
    group = snapshot.shelf.columns.group_of
    near = neighbours(snapshot, latest, mask=mask, now=reasoner.shopper.profile.now, k=TRIED)
    yield from (code for code in near if code not in fixed and group[code] != group[latest])
    if mask[latest] and latest not in fixed:
        yield latest


def _inserted(slate: list[int], code: int, fixed: set[int]) -> list[int]:
    """Return the slate with the item at its place; the last item that is not fixed leaves."""
    free = [place for place, other in enumerate(slate) if other not in fixed]
    if not free:
        return slate
    others = [other for place, other in enumerate(slate) if place != free[-1]]
    place = min(PLACE, len(others))
    while place < len(others) and others[place] in fixed:
        place += 1
    return [*others[:place], code, *others[place:]]

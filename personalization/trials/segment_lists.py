"""What members of a segment would see: the most common products of a sample, and some of their lists."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from common import clock
from personalization.serving.answers import Answer, Item
from personalization.serving.asking import Ask, who_of
from personalization.serving.engine import answer
from personalization.serving.shoppers import read_shopper
from personalization.serving.snapshot import Snapshot
from personalization.serving.snapshot_refresher import snapshot_refresher
from personalization.trials.trial import Baseline, baseline, draft_of
from profiles.selectors.segments import newest_members

N_MEMBERS: Final = 12
N_LISTS: Final = 3
"""How many members' lists are shown whole."""


@dataclass
class Common:
    """A product of the members' lists: in how many it is, and its places there."""

    item: Item
    places: list[int] = field(default_factory=list)

    @property
    def place(self) -> float:
        """The mean place."""
        return sum(self.places) / len(self.places)


@dataclass(frozen=True, slots=True)
class SegmentLists:
    """The lists of `subjects`, in their order, now and perhaps with a draft; `conflicts` are the draft's warnings."""

    subjects: tuple[str, ...]
    now: tuple[Answer, ...]
    with_draft: tuple[Answer, ...] | None = None
    conflicts: tuple[str, ...] = ()
    against: Baseline = "without"

    @property
    def n_changed(self) -> int:
        """How many members' lists the draft changes."""
        pairs = zip(self.now, self.with_draft or self.now, strict=True)
        return sum([one.product_id for one in a.items] != [one.product_id for one in b.items] for a, b in pairs)


def segment_lists(
    ask: Ask, segment: str, *, wording: Mapping[str, Any] | None = None, instead_of: int | None = None
) -> SegmentLists:
    """Return the lists of the newest members; the draft as in `try_rule`.

    Raises NotFound, InvalidInput, redis errors; Unavailable before a load.
    """
    snapshot, now = snapshot_refresher.current(), clock.now().timestamp()
    against: Baseline = "without"
    if wording is not None and instead_of is not None:
        against, snapshot = baseline(snapshot, wording, instead_of=instead_of)
    draft = None if wording is None else draft_of(snapshot, wording, instead_of=instead_of)
    subjects = tuple(subject for subject, _ in newest_members(segment, limit=N_MEMBERS))
    shoppers = [replace(read_shopper(who_of(one), snapshot=snapshot, now=now), memory=None) for one in subjects]

    def lists(state: Snapshot) -> tuple[Answer, ...]:
        own = replace(ask, explores=False)
        return tuple(answer(state, own, shopper=shopper) for shopper in shoppers)

    if draft is None:
        return SegmentLists(subjects, lists(snapshot))
    return SegmentLists(subjects, lists(snapshot), lists(draft.snapshot), draft.conflicts, against)


def common_products(answers: tuple[Answer, ...]) -> list[Common]:
    """Return the products of several lists, those in most lists first, then by their mean place."""
    by_id: dict[str, Common] = {}
    places = defaultdict[str, list[int]](list)
    for one in answers:
        for item in one.items:
            by_id.setdefault(item.product_id, Common(item, places[item.product_id])).places.append(item.position)
    return sorted(by_id.values(), key=lambda common: (-len(common.places), common.place))

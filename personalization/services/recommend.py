"""Answering a storefront: one placement, a page of placements, the shop's own list.

An answered placement is an exposure; what is shown of the shop's own list, only the shop knows.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from django.conf import settings

from common import clock
from personalization.serving.answers import Answer, RankAnswer
from personalization.serving.asking import Ask, Who
from personalization.serving.engine import answer, no_placement
from personalization.serving.exposures import UNNAMED, exposure_of, exposures
from personalization.serving.gauges import ANSWERS, SECONDS
from personalization.serving.ranking import ranked
from personalization.serving.shoppers import Shopper, nobody, read_shopper
from personalization.serving.snapshot import Snapshot
from personalization.serving.snapshot_refresher import keeper


@dataclass(frozen=True, slots=True)
class Slot:
    """One placement of a page: its question, and how long after the page's beginning it may start thinking."""

    ask: Ask
    deadline_ms: int | None = None


def recommend(ask: Ask) -> Answer:
    """Answer one question and note the exposure. Raises NotFound, InvalidInput; Unavailable before anything loaded."""
    return _shown(answer(keeper.current(), ask), ask)


def recommend_page(slots: Mapping[str, Slot]) -> dict[str, Answer]:
    """Answer several placements at once, in order: no product twice within a dedupe group, each slot by its deadline.

    A slot whose turn comes after its deadline gets popular products, `degraded: deadline`; a slot whose products the
    others took away may repeat some rather than be empty. A placement that is unknown, switched off or unreadable is
    left out, for it must not empty the others. Raises NotFound when all are.
    """
    started, snapshot = time.perf_counter(), keeper.current()
    missing = [name for name in slots if name not in snapshot.placements]
    slots = {name: slot for name, slot in slots.items() if name in snapshot.placements}
    if not slots:
        raise no_placement(*missing, among=snapshot.placements)
    shopper = _shopper_of(slots, snapshot)
    taken: dict[str, list[int]] = {}
    answers: dict[str, Answer] = {}
    for name, slot in slots.items():
        group = taken.setdefault(snapshot.placements[name].dedupe_group or name, [])
        late = (time.perf_counter() - started) * 1000 > (slot.deadline_ms or settings.SERVING_SLOT_MILLISECONDS)
        one = _slot(snapshot, slot.ask, shopper, group, late=late)
        group += [snapshot.shelf.codes[item.product_id] for item in one.items]
        answers[name] = _shown(one, slot.ask, unnamed=shopper.degraded in UNNAMED)  # also of one that came too late
    return answers


def rank(who: Who, *, product_ids: Sequence[str], personalized: bool = True) -> RankAnswer:
    """Return the shop's own list in the shopper's order; unknown ids stay at the end, in the given order."""
    snapshot, now = keeper.current(), clock.now().timestamp()
    shopper = read_shopper(who, snapshot=snapshot, now=now) if personalized else nobody(now)
    found = ranked(snapshot, shopper, product_ids)
    ANSWERS.labels(placement="rank", degraded=found.degraded or "").inc()
    return found


def _shopper_of(slots: Mapping[str, Slot], snapshot: Snapshot) -> Shopper:
    """Read the page's shopper once; slots of one page belong to one shopper."""
    now = clock.now().timestamp()
    ask = next((slot.ask for slot in slots.values() if slot.ask.personalized), None)
    return nobody(now) if ask is None else read_shopper(ask.who, snapshot=snapshot, now=now)


def _slot(snapshot: Snapshot, ask: Ask, shopper: Shopper, group: list[int], *, late: bool) -> Answer:
    known = shopper if ask.personalized else nobody(shopper.profile.now)
    taken = np.asarray(group, np.int32)
    one = answer(snapshot, ask, shopper=known, taken=taken, hurried=late)
    if not one.items and group:
        one = answer(snapshot, ask, shopper=known, hurried=late)
    return one


def _shown(one: Answer, ask: Ask, *, unnamed: bool = False) -> Answer:
    ANSWERS.labels(placement=one.placement, degraded=one.degraded or "").inc()
    SECONDS.labels(placement=one.placement).observe(one.took_ms / 1000)
    exposures.note(exposure_of(one, ask, unnamed=unnamed))
    return one

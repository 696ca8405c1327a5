"""Answers to a storefront: one placement, a page of placements, the shop's own list.

Each answered placement is noted as an exposure. The shop's own list is not: only the shop knows what it shows of it.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from django.conf import settings

from access.throttles import RequestCount
from common import clock
from personalization.selectors.placements import CLOSED_STRATEGIES
from personalization.serving.answers import Answer, RankAnswer
from personalization.serving.asking import NOBODY, Ask, Who
from personalization.serving.engine import answer, finish, no_placement, prepare_answer
from personalization.serving.exposures import exposure_of, exposures
from personalization.serving.fallback_reason import ANONYMIZED_REASONS
from personalization.serving.gauges import ANSWERS, SECONDS
from personalization.serving.ranking import rank_list
from personalization.serving.shoppers import Shopper, ids_behind, read_shopper, stranger
from personalization.serving.snapshot import Snapshot
from personalization.serving.snapshot_refresher import snapshot_refresher


@dataclass(frozen=True, slots=True)
class Slot:
    """One placement of a page: its request, and how long after the start of the page its answer must be ready."""

    ask: Ask
    deadline_ms: int | None = None


def recommend(
    ask: Ask,
    *,
    count: RequestCount | None = None,
    unless: Callable[[Answer], bool] = lambda answer: False,
    waited_ms: float = 0.0,
) -> Answer:
    """Answer one request and note the exposure, `unless` the client has this answer already, under an earlier id.

    `count` counts the request in the round trip that reads the shopper. `waited_ms` is how long the request waited for
    a worker already: one that used up its time gets what is remembered, or popular products. Raises Throttled,
    NotFound, InvalidInput; Unavailable before the first load.
    """
    left_ms = settings.SERVING_SLOT_MILLISECONDS - waited_ms if waited_ms else None
    result = answer(snapshot_refresher.current(), ask, count=count, time_left_ms=left_ms)
    return result if unless(result) else note_exposure(result, ask)


def recommend_anew(
    ask: Ask, *, count: RequestCount | None = None, unless: Callable[[Answer], bool]
) -> tuple[Answer | None, tuple[str, ...]]:
    """Return the answer, or None `unless` it is new, and the raw ids whose changes may change it, if they are known.

    `unless` sees the answer without its id and before exploration: what is thrown there by lot is no change. The
    exposure is not noted; call `note_exposure` when the answer is shown. Raises what `recommend` raises.
    """
    started, snapshot = time.perf_counter(), snapshot_refresher.current()
    prepared = prepare_answer(snapshot, ask, count=count)
    raw_ids = ids_behind(ask.who, snapshot=snapshot) if ask.personalized else ()
    if unless(prepared.answer):
        return None, raw_ids
    took_ms = round((time.perf_counter() - started) * 1000, 3)
    return replace(finish(snapshot, ask, prepared), took_ms=took_ms), raw_ids


def recommend_page(slots: Mapping[str, Slot]) -> dict[str, Answer]:
    """Answer several slots by their keys. No product appears twice, nor do two variants of one.

    Slots whose own products cannot be replaced by others, as those looked at, choose first; else the first slot does. A
    slot whose answer would not be ready by its deadline gets popular products, with `degraded: deadline`. Unknown,
    inactive and unreadable placements are left out. Raises NotFound if no placement remains.
    """
    started, snapshot = time.perf_counter(), snapshot_refresher.current()
    now_us = clock.to_microseconds(clock.now())
    unknown_names = [slot.ask.placement for slot in slots.values() if slot.ask.placement not in snapshot.placements]
    slots = {key: slot for key, slot in slots.items() if slot.ask.placement in snapshot.placements}
    if not slots:
        raise no_placement(*unknown_names, among=snapshot.placements)
    shopper = _shopper_of(slots, snapshot, now=now_us / 1e6)
    codes_on_page: list[int] = []
    answers: dict[str, Answer] = {}
    for key in sorted(slots, key=lambda key: not _is_closed(slots[key].ask, snapshot)):
        slot = slots[key]
        deadline_ms = slot.deadline_ms or settings.SERVING_SLOT_MILLISECONDS
        left_ms = deadline_ms - (time.perf_counter() - started) * 1000
        slot_answer = _slot(snapshot, slot.ask, shopper, codes_on_page, left_ms=left_ms, now_us=now_us)
        codes_on_page += [snapshot.serving_catalog.codes[item.product_id] for item in slot_answer.items]
        answers[key] = note_exposure(
            slot_answer, slot.ask, anonymized=shopper.fallback_reason in ANONYMIZED_REASONS
        )  # also for slots after their deadline
    return {key: answers[key] for key in slots}


def rank(who: Who, *, product_ids: Sequence[str], personalized: bool = True) -> RankAnswer:
    """Return the shop's own list in the shopper's order; unknown ids come last, in the given order."""
    snapshot, now = snapshot_refresher.current(), clock.now().timestamp()
    shopper = read_shopper(who if personalized else NOBODY, snapshot=snapshot, now=now)
    list_answer = rank_list(snapshot, shopper, product_ids)
    ANSWERS.labels(placement="rank", degraded=list_answer.degraded or "").inc()
    return list_answer


def _shopper_of(slots: Mapping[str, Slot], snapshot: Snapshot, *, now: float) -> Shopper:
    """Read the shopper of a page once; all its slots belong to one shopper."""
    ask = next((slot.ask for slot in slots.values() if slot.ask.personalized), None)
    return read_shopper(NOBODY if ask is None else ask.who, snapshot=snapshot, now=now)


def _is_closed(ask: Ask, snapshot: Snapshot) -> bool:
    return (ask.strategy or snapshot.placements[ask.placement].strategy) in CLOSED_STRATEGIES


def _slot(
    snapshot: Snapshot, ask: Ask, shopper: Shopper, codes_on_page: list[int], *, left_ms: float, now_us: int
) -> Answer:
    slot_shopper = shopper if ask.personalized else stranger(snapshot, now_us / 1e6)
    items_on_page = np.asarray(codes_on_page, np.int32)
    return answer(snapshot, ask, shopper=slot_shopper, items_on_page=items_on_page, time_left_ms=left_ms, now_us=now_us)


def note_exposure(slot_answer: Answer, ask: Ask, *, anonymized: bool = False) -> Answer:
    """Note that the answer is shown, and return it. Never waits."""
    ANSWERS.labels(placement=slot_answer.placement, degraded=slot_answer.degraded or "").inc()
    SECONDS.labels(placement=slot_answer.placement).observe(slot_answer.took_ms / 1000)
    exposures.note(exposure_of(slot_answer, ask, anonymized=anonymized))
    slot_answer.trial.note()
    return slot_answer

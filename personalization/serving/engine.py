"""Answers one request: filter → propose → rank → boost / bury → diversity → pin → explain."""

import threading
import time
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from access.throttles import RequestCount
from common import clock
from common.errors import NotFound
from common.ids import uuid7
from events.types.base import raw_id_of
from personalization.rules.holdout import split
from personalization.rules.objective import by_objective
from personalization.rules.rule_set import Rule, Situation
from personalization.rules.slate import (
    fill,
    insert,
    pins,
)
from personalization.selectors.placements import PlacementConfig
from personalization.serving.answer_inputs import AnswerInputs, Lot
from personalization.serving.answers import Answer
from personalization.serving.arms import NO_TRIAL, Trial, trial_of
from personalization.serving.asking import NOBODY, Ask
from personalization.serving.durations import durations
from personalization.serving.exploration import PLACE as EXPLORATION_PLACE
from personalization.serving.exploration import Plan, explore, plan_exploration
from personalization.serving.fallback_reason import ANONYMIZED_REASONS, fallback_reason
from personalization.serving.item_records import explored_item, items_of, removed_of
from personalization.serving.page_cursor import MOST_SHOWN, cursor_of
from personalization.serving.proposals import Proposals, Question, popular_only, propose
from personalization.serving.rating_reason import RatingReason
from personalization.serving.reasons import PINNED, Reasoner
from personalization.serving.recent_item_slots import RECENT_ITEM_SLOT, fill_recent_item_slots
from personalization.serving.request_state import RequestState, request_state_of
from personalization.serving.serving_catalog import ServingCatalog
from personalization.serving.shoppers import Shopper, read_shopper, stranger
from personalization.serving.snapshot import Snapshot
from recsys.arrays import Ints
from recsys.data.profile import Context
from recsys.ranking.cart_ranker import BASKET, HISTORY_QUOTAS
from recsys.ranking.onboarding import demote_disliked

_computing = threading.Lock()
"""One thread of a process computes at a time: two take turns at every call of numpy, and each turn costs a switch of
threads. With sixteen, an answer took twice the CPU. Remembered answers do not wait; cores are used by processes."""
CANDIDATES = 100
"""The least number of candidates to rank: boosts and caps need some to choose from."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """An answer before the request's own part: its id, and perhaps a new product in place of another.

    It is the same for each repetition of the request, so it may be remembered.
    """

    answer: Answer
    slate: tuple[int, ...]
    pinned: frozenset[int]
    plan: Plan | None
    scores: Mapping[int, float]
    """The scores of the products that may be explored."""
    placement: PlacementConfig
    inputs: AnswerInputs | None = None
    """Of the one request; None in what is remembered."""


def no_placement(*keys: str, among: Iterable[str]) -> NotFound:
    """Return the error for unknown placement keys; it lists the existing ones."""
    return NotFound(f"There is no placement {', '.join(keys)}; there are {', '.join(sorted(among)) or 'none'}.")


def answer(
    snapshot: Snapshot,
    ask: Ask,
    *,
    shopper: Shopper | None = None,
    count: RequestCount | None = None,
    items_on_page: Ints | None = None,
    time_left_ms: float | None = None,
    now_us: int | None = None,
) -> Answer:
    """Return the answer to a request.

    `count` counts the request where the shopper is read. A page passes the `shopper` it has read already, and
    `items_on_page`, the item codes that other slots show. Where `time_left_ms` is less than such an answer usually
    takes, and none is remembered, it holds popular products, without the model. `now_us` is the time of the request,
    now if it is None. Raises Throttled, NotFound for an unknown placement and InvalidInput for a strategy that the
    model does not have.
    """
    started = time.perf_counter()
    prepared = prepare_answer(
        snapshot,
        ask,
        shopper=shopper,
        count=count,
        items_on_page=items_on_page,
        time_left_ms=time_left_ms,
        now_us=now_us,
    )
    return replace(finish(snapshot, ask, prepared), took_ms=round((time.perf_counter() - started) * 1000, 3))


def prepare_answer(
    snapshot: Snapshot,
    ask: Ask,
    *,
    shopper: Shopper | None = None,
    count: RequestCount | None = None,
    items_on_page: Ints | None = None,
    time_left_ms: float | None = None,
    now_us: int | None = None,
    trial: Trial | None = None,
) -> Prepared:
    """Return all of the answer that repeats with the request; `finish` adds the rest. Raises what `answer` raises.

    A replay passes the `trial` of the earlier answer.
    """
    placement = snapshot.placements.get(ask.placement)
    if placement is None:
        raise no_placement(ask.placement, among=snapshot.placements)
    now_us = clock.to_microseconds(clock.now()) if now_us is None else now_us
    if shopper is None:
        who = ask.who if ask.personalized else NOBODY
        shopper = read_shopper(who, snapshot=snapshot, now=now_us / 1e6, count=count)
    applicable = _applicable_rules(snapshot, ask, shopper, now=now_us / 1e6)
    if trial is None:
        own_strategy = ask.strategy is not None
        trial = trial_of(
            snapshot.experiments, ask.placement, applicable, shopper.trial_subject, has_own_strategy=own_strategy
        )
    if trial.held_out:
        shopper = stranger(snapshot, now_us / 1e6)
        applicable = _applicable_rules(snapshot, ask, shopper, now=now_us / 1e6)
    placement = trial.placement(placement)
    rules, held_out = split(trial.rules(applicable), _subject(ask, shopper))
    question = (snapshot.counts_version, trial.in_force, _question(ask, rules, held_out, items_on_page))
    strategy = ask.strategy or placement.strategy
    memory = None if ask.explain else shopper.memory
    is_remembered = memory is not None and memory.knows(question)
    is_late = time_left_ms is not None and not is_remembered and durations.is_late(strategy, time_left_ms)

    def prepare() -> Prepared:
        with _computing:
            begun = time.perf_counter()
            request_state = request_state_of(
                snapshot, ask, placement, shopper, rules, items_on_page=items_on_page, past_deadline=is_late
            )
            result = _prepare(snapshot, request_state, held_out)
        if not is_late:
            durations.note(strategy, (time.perf_counter() - begun) * 1000)
        return result

    prepared: Prepared = prepare() if memory is None or is_late else memory.get(question, prepare)
    names = snapshot.serving_catalog.columns.product_ids
    inputs = AnswerInputs(
        now_us=now_us,
        provenance=snapshot.provenance,
        placement_version=placement.version,
        fallback_reason=shopper.fallback_reason,
        history=shopper.history,
        past_deadline=is_late,
        on_page=() if items_on_page is None else tuple(names[code] for code in items_on_page.tolist()),
        arms=trial.in_force,
    )
    if trial is not NO_TRIAL:
        prepared = replace(prepared, answer=replace(prepared.answer, trial=trial))
    return replace(prepared, inputs=inputs)


def _applicable_rules(snapshot: Snapshot, ask: Ask, shopper: Shopper, *, now: float) -> tuple[Rule, ...]:
    """Return the rules that apply to the request, before any lot."""
    codes = snapshot.serving_catalog.codes
    context = tuple(codes[product_id] for product_id in ask.product_ids if product_id in codes)
    situation = Situation(ask.placement, now, context=context, segments=shopper.segments)
    return tuple(snapshot.rules.applicable(situation))


def _subject(ask: Ask, shopper: Shopper) -> str:
    """Return the raw id that draws the shopper's lots, "" for nobody and for whom no id may be used."""
    if shopper.fallback_reason in ANONYMIZED_REASONS:
        return ""
    if shopper.subject or not (ask.personalized and ask.who.has_id):
        return shopper.subject
    return raw_id_of(ask.who.user_id, ask.who.anonymous_id)


def _question(ask: Ask, rules: Sequence[Rule], held_out: Sequence[Rule], items_on_page: Ints | None) -> Hashable:
    """Return all that an answer depends on besides shopper, snapshot, live counts and hour."""
    on_page = None if items_on_page is None else items_on_page.tobytes()
    return (
        *(ask.placement, ask.product_ids, ask.limit, ask.exclude, ask.filters, ask.strategy),
        *(ask.earlier_items, ask.explores, on_page),
        tuple((rule.id, rule.version) for rule in rules),
        tuple((rule.id, rule.version) for rule in held_out),
    )


def _prepare(snapshot: Snapshot, request_state: RequestState, held_out: Sequence[Rule]) -> Prepared:
    codes = snapshot.serving_catalog.codes
    context = Context(items=request_state.context, allowed=request_state.allowed, seen_allowed=True)
    question = Question(
        placement=request_state.placement,
        strategy=request_state.strategy,
        shopper=request_state.shopper,
        context=context,
        allowed=request_state.allowed,
        k=max(CANDIDATES, 2 * request_state.size),
        explain=request_state.ask.explain,
        excluded=tuple(codes[one] for one in request_state.ask.exclude if one in codes),
    )
    proposals = popular_only(snapshot, question) if request_state.past_deadline else propose(snapshot, question)
    slate, pinned_items = _apply_rules(snapshot, request_state, proposals)
    reasoner = Reasoner(
        serving_catalog=snapshot.serving_catalog,
        shopper=request_state.shopper,
        sources=snapshot.sources,
        context=Context(items=request_state.context),
        rating_reason=RatingReason(snapshot.bundle.shown_rating_predictor, request_state.shopper.profile)
        if snapshot.bundle is not None
        else None,
        repurchase_seconds=snapshot.repurchase_seconds,
        of_history=HISTORY_QUOTAS if request_state.strategy == BASKET else (),
    )
    reasons = {
        code: reasoner.reason(code, proposals.sources.get(code, ()), kin=proposals.kin.get(code)) for code in slate
    }
    reasons.update(dict.fromkeys(pinned_items, PINNED))
    if request_state.placement.recent_item_slots and not request_state.is_closed:
        before = set(slate)
        slate = fill_recent_item_slots(
            snapshot,
            reasoner,
            slate,
            reasons,
            most=request_state.placement.recent_item_slots,
            mask=request_state.allowed,
            fixed=pinned_items,
            caps=[*request_state.caps, *request_state.discovery],
        )
        for code in set(slate) - before:
            request_state.trace.move(code, RECENT_ITEM_SLOT)
    plan = _exploration_plan(snapshot, request_state, slate, fixed=pinned_items)
    ask = request_state.ask
    answer = Answer(
        recommendation_id="",
        placement=ask.placement,
        strategy=request_state.strategy,
        model_version=snapshot.model_version,
        personalized=request_state.shopper.personal,
        degraded=fallback_reason(snapshot, request_state.shopper, past_deadline=request_state.past_deadline),
        items=items_of(
            snapshot.serving_catalog,
            slate,
            proposals,
            reasons,
            request_state.trace,
            explain=ask.explain,
            first_position=len(ask.earlier_items) + 1,
        ),
        unknown_products=request_state.unknown,
        rules=_versions(request_state.applicable_rules),
        holdout=_holdout(request_state, held_out),
        removed=removed_of(snapshot.serving_catalog, slate, request_state.trace) if ask.explain else None,
        next_cursor=_next_cursor(snapshot, request_state, slate, proposals),
    )
    scores = {} if plan is None else {code: proposals.scores.get(code, 0.0) for code in plan.suitable.tolist()}
    return Prepared(answer, tuple(slate), frozenset(pinned_items), plan, scores, request_state.placement)


def _versions(rules: Sequence[Rule]) -> tuple[str, ...]:
    return tuple(f"{rule.id}.{rule.version}" for rule in rules)


def _holdout(request_state: RequestState, held_out: Sequence[Rule]) -> dict[str, tuple[str, ...]]:
    """Return the rules that a lot decided on, by its outcome; empty where no lot was drawn."""
    if not _subject(request_state.ask, request_state.shopper):
        return {}
    applied = [rule for rule in request_state.applicable_rules if rule.holdout_percent]
    lots = {"applied": _versions(applied), "held_out": _versions(held_out)}
    return {name: rules for name, rules in lots.items() if rules}


def finish(snapshot: Snapshot, ask: Ask, prepared: Prepared, *, lot: Lot | None = None) -> Answer:
    """Return the answer of one request: its own id, and possibly a new product; with the `lot` of an earlier answer,
    that one's.
    """
    answer, recommendation_id, inputs = prepared.answer, str(uuid7()), prepared.inputs
    exploration = None
    if prepared.plan is not None:
        exploration, lot = explore(snapshot, prepared.placement, prepared.plan, lot=lot)
        inputs = None if inputs is None else replace(inputs, lot=lot)
    if exploration is None:
        return replace(answer, recommendation_id=recommendation_id, inputs=inputs)
    catalog, slate = snapshot.serving_catalog, list(prepared.slate)
    explored = explored_item(catalog, exploration, score=prepared.scores[exploration.code], explain=ask.explain)
    slate = insert(slate, exploration.code, EXPLORATION_PLACE, fixed=prepared.pinned)
    items = {**dict(zip(prepared.slate, answer.items, strict=True)), exploration.code: explored}
    first = len(ask.earlier_items) + 1
    return replace(
        answer,
        recommendation_id=recommendation_id,
        items=tuple(replace(items[code], position=position) for position, code in enumerate(slate, first)),
        propensities={explored.product_id: exploration.propensity},
        next_cursor=answer.next_cursor and _cursor(catalog, ask, slate),
        inputs=inputs,
    )


def _cursor(serving_catalog: ServingCatalog, ask: Ask, slate: Sequence[int]) -> str:
    return cursor_of([*ask.earlier_items, *serving_catalog.id_hashes[0][list(slate)].tolist()])


def _next_cursor(snapshot: Snapshot, request_state: RequestState, slate: list[int], proposals: Proposals) -> str | None:
    """Return the cursor behind this page; None if no product is left, or no cursor could hold more."""
    earlier_items, serving_catalog = request_state.ask.earlier_items, snapshot.serving_catalog
    if len(slate) < request_state.size or len(earlier_items) + len(slate) > MOST_SHOWN:
        return None
    rest = request_state.allowed & ~serving_catalog.columns.variants_of(slate)
    has_more = rest[proposals.items].any() if request_state.is_closed else rest.any()
    return _cursor(serving_catalog, request_state.ask, slate) if has_more else None


def _exploration_plan(
    snapshot: Snapshot, request_state: RequestState, slate: list[int], *, fixed: set[int]
) -> Plan | None:
    if request_state.past_deadline or request_state.is_closed or not request_state.ask.explores:
        return None
    return plan_exploration(
        snapshot,
        request_state.placement,
        request_state.shopper,
        request_state.context,
        slate,
        mask=request_state.allowed,
        fixed=fixed,
        caps=[*request_state.caps, *request_state.discovery],
    )


def _apply_rules(snapshot: Snapshot, request_state: RequestState, proposals: Proposals) -> tuple[list[int], set[int]]:
    """Return the slate after all rules, and its pinned items."""
    rules, trace = snapshot.rules, request_state.trace
    ranked_items = np.asarray(proposals.items, np.int32)
    if request_state.has_objective:
        ranked_items = _by_objective(snapshot, request_state, ranked_items)
    if len(request_state.shopper.opinions.disliked) and not request_state.context and not request_state.is_onboarding:
        ranked_items = demote_disliked(snapshot.onboarding_cache.space, request_state.shopper.opinions, ranked_items)
    items = rules.reorder(ranked_items, request_state.applicable_rules, trace)
    pinnable = request_state.allowed
    if request_state.is_closed:
        pinnable = np.zeros_like(request_state.allowed)
        pinnable[ranked_items] = request_state.allowed[ranked_items]
    pinned_at = pins(
        rules, request_state.applicable_rules, items, pinnable, request_state.size, trace, popular=snapshot.popular
    )
    slate = _filled(snapshot, request_state, items, pinned_at, closed=proposals.closed)
    return slate, set(pinned_at.values()) & set(slate)


def _by_objective(snapshot: Snapshot, request_state: RequestState, ranked_items: Ints) -> Ints:
    placement = request_state.placement
    factors, percent = snapshot.values.factors(placement.objective), placement.objective_percent
    if request_state.ask.explain:
        for code in ranked_items.tolist():
            factor = round(float(factors[code]) ** (percent / 100), 2)
            if factor != 1:
                request_state.trace.move(code, f"Objective {placement.objective}, {percent} %: boosted ×{factor:g}")
    return by_objective(ranked_items, factors, percent)


def _filled(
    snapshot: Snapshot, request_state: RequestState, items: Ints, pinned_at: dict[int, int], *, closed: bool
) -> list[int]:
    """Return the slate of the ranked items; a short one takes other allowed products, at last known ones too.

    A closed list stays short rather than break a cap, if it fills half of the places.
    """
    size, trace, caps = request_state.size, request_state.trace, [*request_state.caps, *request_state.discovery]
    if closed:
        hard_caps = [replace(cap, soft=False) for cap in caps]
        slate = fill(items, size, pinned_at=pinned_at, caps=hard_caps, trace=trace)
        if 2 * len(slate) >= size:
            return slate
    slate = fill(items, size, pinned_at=pinned_at, caps=caps, trace=trace)
    if len(slate) == size or request_state.is_closed:
        return slate
    if closed:
        return fill(items, size, pinned_at=pinned_at, caps=request_state.caps, trace=trace)
    rest = snapshot.popular[request_state.allowed[snapshot.popular]]
    everything = np.concatenate([items, rest[~np.isin(rest, items)]]).astype(np.int32)
    slate = fill(everything, size, pinned_at=pinned_at, caps=caps, trace=trace)
    if len(slate) == size or not request_state.discovery:
        return slate
    return fill(everything, size, pinned_at=pinned_at, caps=request_state.caps, trace=trace)

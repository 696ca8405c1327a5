"""One question answered: filter → propose → rank → boost / bury → diversity → pin → explain."""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from common import clock
from common.errors import InvalidInput, NotFound
from common.ids import uuid7
from personalization.rules.rule_set import Rule, Situation, Trace
from personalization.rules.slate import (
    Cap,
    fill,
    pins,
    rule_caps,
)
from personalization.selectors.placements import Filters, PlacementConfig
from personalization.serving.answers import Answer, Reason
from personalization.serving.asking import Ask
from personalization.serving.exploration import REASON as EXPLORED
from personalization.serving.exploration import explore
from personalization.serving.fallback_reason import degraded
from personalization.serving.item_records import items_of, removed_of
from personalization.serving.proposals import Proposals, Question, popular_only, propose
from personalization.serving.rating_reason import Starred
from personalization.serving.reasons import PINNED, Reasoner
from personalization.serving.recent_item_slots import FRESH, freshen
from personalization.serving.shoppers import Shopper, nobody, read_shopper
from personalization.serving.snapshot import Snapshot
from recsys.arrays import Bools, Ints
from recsys.data.profile import Context
from recsys.ranking.onboarding import ONBOARDING, demote_disliked

CANDIDATES = 100
"""How many candidates are ranked at least, so that boosts and caps have something to choose from."""


@dataclass(frozen=True)
class Scene:
    """A question with everything looked up: who, where, which rules hold, what may be shown."""

    ask: Ask
    placement: PlacementConfig
    strategy: str
    shopper: Shopper
    context: tuple[int, ...]
    unknown: tuple[str, ...]
    holding: tuple[Rule, ...]
    allowed: Bools
    caps: Sequence[Cap]
    trace: Trace
    size: int
    hurried: bool

    @property
    def asking(self) -> bool:
        """Whether the answer is questions to a newcomer: then what is no question has no place in it."""
        return self.strategy == ONBOARDING


def no_placement(*keys: str, among: Iterable[str]) -> NotFound:
    """Return the error of keys that are no placement's, with the keys there are."""
    return NotFound(f"There is no placement {', '.join(keys)}; there are {', '.join(sorted(among)) or 'none'}.")


def answer(
    snapshot: Snapshot,
    ask: Ask,
    *,
    shopper: Shopper | None = None,
    taken: Ints | None = None,
    hurried: bool = False,
) -> Answer:
    """Return the answer to a question.

    `shopper` where the caller has read it already (a page); `taken` are item codes that other slots show; a `hurried`
    answer takes popular products without asking the model, those that the shopper may be shown. Raises NotFound for an
    unknown placement and InvalidInput for a strategy that the model does not hold.
    """
    started = time.perf_counter()
    placement = snapshot.placements.get(ask.placement)
    if placement is None:
        raise no_placement(ask.placement, among=snapshot.placements)
    if shopper is None:
        now = clock.now().timestamp()
        shopper = read_shopper(ask.who, snapshot=snapshot, now=now) if ask.personalized else nobody(now)
    scene = _scene(snapshot, ask, placement, shopper, taken=taken, hurried=hurried)
    return replace(_answered(snapshot, scene), took_ms=round((time.perf_counter() - started) * 1000, 3))


def _scene(
    snapshot: Snapshot,
    ask: Ask,
    placement: PlacementConfig,
    shopper: Shopper,
    *,
    taken: Ints | None,
    hurried: bool,
) -> Scene:
    codes = snapshot.shelf.codes
    known = tuple(dict.fromkeys(codes[product_id] for product_id in ask.product_ids if product_id in codes))
    context = known if placement.about != "shopper" else ()
    situation = Situation(ask.placement, clock.now().timestamp(), context=known)
    holding = snapshot.rules.holding(situation)
    trace = Trace()
    passing = snapshot.on_sale & snapshot.shelf.passing(_filters(placement.filters, ask.filters))
    allowed = snapshot.rules.filter(passing, holding, trace if ask.explain else None).copy()
    allowed[[codes[product_id] for product_id in ask.exclude if product_id in codes]] = False
    groups = snapshot.shelf.columns.group_of
    if context:
        allowed &= ~np.isin(groups, groups[list(context)])
    if not placement.repeat:
        allowed[shopper.bought] = False
    elif placement.rest_days:
        allowed[shopper.bought_within(placement.rest_days)] = False
    if taken is not None:
        allowed &= ~np.isin(groups, groups[taken])
    strategy = _strategy(snapshot, ask, placement)
    allowed = _without(allowed, shopper, asking=strategy == ONBOARDING)
    return Scene(
        ask=ask,
        placement=placement,
        strategy=strategy,
        shopper=nobody(shopper.profile.now) if hurried else shopper,
        context=context,
        unknown=tuple(product_id for product_id in ask.product_ids if product_id not in codes),
        holding=holding,
        allowed=allowed,
        caps=[*_caps(snapshot, placement), *rule_caps(snapshot.rules, holding)],
        trace=trace,
        size=ask.limit or placement.size,
        hurried=hurried,
    )


def _without(allowed: Bools, shopper: Shopper, *, asking: bool) -> Bools:
    """Return what is allowed without what the shopper dislikes, unless nothing is left; no question comes twice."""
    rest = allowed.copy()
    rest[shopper.opinions.said if asking else shopper.opinions.disliked] = False
    return rest if asking or rest.any() else allowed


def _filters(standing: Filters, asked: Filters) -> Filters:
    """Return both filters as one: what the request says of a field stands over the placement."""
    return Filters(
        category=asked.category or standing.category,
        brand=asked.brand or standing.brand,
        min_price=standing.min_price if asked.min_price is None else asked.min_price,
        max_price=standing.max_price if asked.max_price is None else asked.max_price,
        in_stock=standing.in_stock if asked.in_stock is None else asked.in_stock,
    )


def _strategy(snapshot: Snapshot, ask: Ask, placement: PlacementConfig) -> str:
    if ask.strategy is None:
        return placement.strategy
    if ask.strategy not in snapshot.strategies:
        held = ", ".join(sorted(snapshot.strategies))
        raise InvalidInput.of("strategy", f"the live model holds no {ask.strategy}; it holds {held}")
    return ask.strategy


def _answered(snapshot: Snapshot, scene: Scene) -> Answer:
    codes = snapshot.shelf.codes
    asked = Context(items=scene.context, allowed=scene.allowed, seen_allowed=True)
    question = Question(
        placement=scene.placement,
        strategy=scene.strategy,
        shopper=scene.shopper,
        context=asked,
        allowed=scene.allowed,
        k=max(CANDIDATES, 2 * scene.size),
        explain=scene.ask.explain,
        skipped=tuple(codes[one] for one in scene.ask.exclude if one in codes),
    )
    found = popular_only(snapshot, question) if scene.hurried else propose(snapshot, question)
    slate, pinned = _ruled(snapshot, scene, found)
    reasoner = Reasoner(
        shelf=snapshot.shelf,
        shopper=scene.shopper,
        sources=snapshot.sources,
        context=Context(items=scene.context),
        named=scene.ask.who.verified,
        starred=Starred(snapshot.bundle.shown_rating_predictor, scene.shopper.profile) if snapshot.bundle is not None else None,
    )
    reasons = {code: reasoner.reason(code, found.sources.get(code, ()), kin=found.kin.get(code)) for code in slate}
    reasons.update(dict.fromkeys(pinned, PINNED))
    if scene.placement.fresh_slots and not scene.asking:
        before = set(slate)
        slate = freshen(
            snapshot,
            reasoner,
            slate,
            reasons,
            most=scene.placement.fresh_slots,
            mask=scene.allowed,
            fixed=pinned,
            caps=scene.caps,
        )
        for code in set(slate) - before:
            scene.trace.move(code, FRESH)
    slate, propensities = _explored(snapshot, scene, slate, reasons, fixed=pinned)
    return Answer(
        recommendation_id=str(uuid7()),
        placement=scene.ask.placement,
        strategy=scene.strategy,
        model_version=snapshot.model_version,
        personalized=scene.shopper.personal,
        degraded=degraded(snapshot, scene.shopper, hurried=scene.hurried),
        items=items_of(snapshot.shelf, slate, found, reasons, scene.trace, explain=scene.ask.explain),
        unknown_products=scene.unknown,
        rules=tuple(f"{rule.id}.{rule.version}" for rule in scene.holding),
        removed=removed_of(snapshot.shelf, slate, scene.trace) if scene.ask.explain else None,
        propensities=propensities,
    )


def _explored(
    snapshot: Snapshot, scene: Scene, slate: list[int], reasons: dict[int, Reason], *, fixed: set[int]
) -> tuple[list[int], dict[str, float]]:
    """Return the slate, perhaps with a new product on it, and the chance that product had."""
    if scene.hurried or scene.asking or not scene.ask.explores:
        return slate, {}
    found = explore(
        snapshot,
        scene.placement,
        scene.shopper,
        scene.context,
        slate,
        mask=scene.allowed,
        fixed=fixed,
        caps=scene.caps,
    )
    if found is None:
        return slate, {}
    reasons[found.code] = EXPLORED
    scene.trace.move(found.code, found.sentence)
    return found.slate, {snapshot.shelf.columns.product_ids[found.code]: found.propensity}


def _ruled(snapshot: Snapshot, scene: Scene, found: Proposals) -> tuple[list[int], set[int]]:
    """Return the slate and which of its items are pinned."""
    rules, trace = snapshot.rules, scene.trace
    found_items = np.asarray(found.items, np.int32)
    if len(scene.shopper.opinions.disliked) and not scene.context and not scene.asking:
        found_items = demote_disliked(snapshot.survey.space, scene.shopper.opinions, found_items)
    items = rules.reorder(found_items, scene.holding, trace)
    pinnable = scene.allowed
    if scene.asking:
        pinnable = np.zeros_like(scene.allowed)
        pinnable[found_items] = scene.allowed[found_items]
    pinned = pins(rules, scene.holding, items, pinnable, scene.size, trace, popular=snapshot.popular)
    slate = fill(items, scene.size, pinned=pinned, caps=scene.caps, trace=trace)
    if len(slate) < scene.size and not scene.asking:
        rest = snapshot.popular[scene.allowed[snapshot.popular]]
        everything = np.concatenate([items, rest[~np.isin(rest, items)]]).astype(np.int32)
        slate = fill(everything, scene.size, pinned=pinned, caps=scene.caps, trace=trace)
    return slate, set(pinned.values()) & set(slate)


def _caps(snapshot: Snapshot, placement: PlacementConfig) -> list[Cap]:
    columns = snapshot.shelf.columns
    caps = [Cap(limit=1, keys=columns.group_of)]
    for column, limit in (("brand", placement.max_per_brand), ("category", placement.max_per_category)):
        if limit:
            caps.append(Cap(limit=limit, keys=columns.keys(column), soft=True))
    return caps

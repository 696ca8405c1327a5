"""Trial answers: as in serving, with explanation, without exposure."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import ceil
from typing import Any, Final, Literal

from common import clock
from personalization.models import Rule as SavedRule
from personalization.rules.conflicts import conflicts, rule_warnings
from personalization.rules.rule_set import Rule, Situation
from personalization.selectors.placements import Filters
from personalization.selectors.rules import named, pure_rule
from personalization.services.rules import draft_version
from personalization.serving.answers import Answer
from personalization.serving.asking import NOBODY, Ask
from personalization.serving.engine import answer
from personalization.serving.shoppers import Shopper, read_shopper
from personalization.serving.snapshot import Snapshot
from personalization.serving.snapshot_refresher import snapshot_refresher
from recsys.arrays import Bools

Baseline = Literal["without", "saved"]
"""The shop without the rule, or with the rule as it is saved."""
MOVING: Final = ("boost", "bury")
LONGEST: Final = 50
"""How far an answer is looked through for the products that a rule matches."""
DRAFT: Final = "your draft"
DRAFT_ID: Final = sys.maxsize
"""Higher than all saved ids: among rules of equal priority the draft comes last, as it would once saved."""
NOT_NOW: Final = "It does not apply now, by its dates: this is what it would do while it applies."


@dataclass(frozen=True, slots=True)
class Draft:
    """A draft rule and the shop under it.

    Its dates and its hold-out are left out: the question is what it does where it applies.
    """

    rule: Rule
    snapshot: Snapshot
    conflicts: tuple[str, ...]
    """Warnings about the draft, and its contradictions with other rules."""


@dataclass(frozen=True, slots=True)
class Trial:
    """The answer now, and with the draft rule if there is one; `conflicts` are the draft's warnings.

    `obstacle` says why the draft changed nothing, "" where it did or nobody knows.
    """

    now: Answer
    with_draft: Answer | None = None
    conflicts: tuple[str, ...] = ()
    obstacle: str = ""
    against: Baseline = "without"


def draft_of(
    snapshot: Snapshot, wording: Mapping[str, Any], *, name: str = DRAFT, instead_of: int | None = None
) -> Draft:
    """Return the shop with the draft, `instead_of` the saved rule of that id. Raises InvalidInput."""
    rule_id = DRAFT_ID if instead_of is None else instead_of
    worded = pure_rule(name, draft_version(wording=wording), rule_id=rule_id)
    rule = replace(worded, starts_at=None, ends_at=None, holdout_percent=0)
    others = [one for one in snapshot.rules.rules if one.id != rule_id]
    with_rule = snapshot.with_rules([*others, rule])
    # Two rules that never run at once do not contradict each other, so conflicts ask the draft with its dates.
    dated = snapshot.with_rules([*others, worded]) if worded != rule else with_rule
    texts = tuple(conflict.text for conflict in conflicts(dated.rules, of=rule_id))
    is_dated = not _runs_at(worded, clock.now().timestamp())
    warnings = (*rule_warnings(rule, with_rule.rules, on_sale=with_rule.on_sale, named=named), *texts)
    return Draft(rule, with_rule, (*warnings, NOT_NOW) if is_dated else warnings)


def try_rule(
    ask: Ask,
    *,
    wording: Mapping[str, Any] | None = None,
    shopper: Shopper | None = None,
    instead_of: int | None = None,
) -> Trial:
    """Answer the request without and with the draft rule, for its shopper or the given one.

    With `instead_of` the draft stands for the saved rule of that id. Raises NotFound, InvalidInput; Unavailable before
    a load.
    """
    snapshot, ask = snapshot_refresher.current(), replace(ask, explores=False)
    against: Baseline = "without"
    if wording is not None and instead_of is not None:
        against, snapshot = baseline(snapshot, wording, instead_of=instead_of)
    now = answer(snapshot, ask, shopper=shopper)
    if wording is None:
        return Trial(now)
    draft = draft_of(snapshot, wording, instead_of=instead_of)
    with_draft = answer(draft.snapshot, ask, shopper=shopper)
    moved = [item.product_id for item in with_draft.items] != [item.product_id for item in now.items]
    is_obstructed = not moved and against == "without"
    text = obstacle(draft, ask, snapshot, shopper=shopper) if is_obstructed else ""
    return Trial(now, with_draft, draft.conflicts, text, against)


def obstacle(draft: Draft, ask: Ask, snapshot: Snapshot, *, shopper: Shopper | None = None) -> str:
    """Return why the draft changes nothing in the answer; "" if that is not known."""
    if shopper is None:
        who = ask.who if ask.personalized else NOBODY
        shopper = read_shopper(who, snapshot=snapshot, now=clock.now().timestamp())
    if text := _unmet(draft, ask, shopper):
        return text
    rule = draft.rule
    matched, codes = draft.snapshot.rules.matched[rule.id], snapshot.serving_catalog.codes
    longest = answer(snapshot, replace(ask, limit=LONGEST, explain=True), shopper=shopper)
    places = [item.position for item in longest.items if matched[codes[item.product_id]]]
    size = ask.limit or snapshot.placements[ask.placement].size
    if rule.effect in MOVING:
        return _unmoved(rule, places, n_matched=int(matched.sum()), n_items=len(longest.items), size=size)
    if rule.effect == "exclude" and not any(place <= size for place in places):
        return f"None of the {int(matched.sum()):,} products it matches is in this list."
    if rule.effect == "cap" and (rule.cap or 0) >= sum(place <= size for place in places):
        return "This list holds no more of them than that."
    if rule.effect == "pin" and (rule.position or 1) > size:
        return f"Place {rule.position} is behind the end of this list, which has {size}."
    if rule.effect == "pin" and not (matched & available(snapshot)).any():
        return "None of the products it matches is on sale and in stock."
    return ""


def without_holdouts(snapshot: Snapshot) -> Snapshot:
    """Return the shop whose rules apply to all shoppers, to compare what rules do and not whom they leave out."""
    if not any(rule.holdout_percent for rule in snapshot.rules.rules):
        return snapshot
    return snapshot.with_rules([replace(rule, holdout_percent=0) for rule in snapshot.rules.rules])


def baseline(snapshot: Snapshot, wording: Mapping[str, Any], *, instead_of: int | None) -> tuple[Baseline, Snapshot]:
    """Return the shop, without hold-outs, that a draft is compared with.

    The saved rule as it is, where the draft rewords it. Else the shop without it: that is what the rule does.
    """
    shop = without_holdouts(snapshot)
    others = [one for one in shop.rules.rules if one.id != instead_of]
    if instead_of is None or len(others) == len(shop.rules.rules):
        return "without", shop
    saved = SavedRule.objects.select_related("current").filter(pk=instead_of).first()
    if saved is not None and any(getattr(saved.current, name) != value for name, value in wording.items()):
        return "saved", shop
    return "without", shop.with_rules(others)


def available(snapshot: Snapshot) -> Bools:
    """Return bool[n_items], the products on sale and in stock."""
    mask: Bools = snapshot.on_sale & snapshot.serving_catalog.filter_mask(Filters(in_stock=True))
    return mask


def _runs_at(rule: Rule, now: float) -> bool:
    has_begun = rule.starts_at is None or rule.starts_at <= now
    return has_begun and (rule.ends_at is None or now < rule.ends_at)


def _unmet(draft: Draft, ask: Ask, shopper: Shopper) -> str:
    """Return which condition of the draft this request does not meet, "" if it meets all."""
    rule, codes = draft.rule, draft.snapshot.serving_catalog.codes
    context = tuple(codes[product_id] for product_id in ask.product_ids if product_id in codes)
    situation = Situation(ask.placement, clock.now().timestamp(), context=context, segments=shopper.segments)
    if rule in draft.snapshot.rules.applicable(situation):
        return ""
    if rule.placements and ask.placement not in rule.placements:
        return f"It is for {', '.join(rule.placements)}, not for {ask.placement}."
    if rule.id in draft.snapshot.rules.in_context and not draft.snapshot.rules.in_context.any_of(rule.id, context):
        return "It asks for a product looked at that this request does not name."
    return f"This shopper is in none of its segments: {', '.join(rule.segments)}."


def _unmoved(rule: Rule, places: list[int], *, n_matched: int, n_items: int, size: int) -> str:
    """Return why a boost or bury moved nothing: it only moves what is proposed, by its factor."""
    if not places:
        return (
            f"It matches {n_matched:,} products, and none is among the first {n_items} for this "
            "shopper. Boost and bury move what is proposed; a pin puts a product on its place."
        )
    first, last = min(places), max(places)
    if rule.effect == "boost" and (place := ceil(first / rule.factor)) > size:
        return (
            f"The first product it matches is at place {first}. A factor of {rule.factor:g} moves it to about place "
            f"{place}, and this list ends at {size}."
        )
    if rule.effect == "boost" and places == list(range(1, len(places) + 1)):
        return "The products it matches are the first ones already."
    if rule.effect == "bury" and last == n_items and places == list(range(first, last + 1)):
        return "The products it matches are the last ones already."
    return ""

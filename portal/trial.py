"""Trial answers for the preview: as in serving, with explanation, without exposure."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import ceil
from typing import Any, Final

from personalization.rules.conflicts import conflicts, rule_warnings
from personalization.rules.rule_set import Rule
from personalization.selectors.rules import pure_rule
from personalization.services.rules import draft_version
from personalization.serving.answers import Answer
from personalization.serving.asking import Ask
from personalization.serving.engine import answer
from personalization.serving.snapshot import Snapshot
from personalization.serving.snapshot_refresher import snapshot_refresher

MOVING: Final = ("boost", "bury")
LONGEST: Final = 50
"""How far an answer is looked through for the products that a rule matches."""
DRAFT: Final = "your draft"
DRAFT_ID: Final = sys.maxsize
"""Higher than all saved ids: among rules of equal priority the draft comes last, as it would once saved."""


@dataclass(frozen=True, slots=True)
class Trial:
    """The answer now, and with the draft rule if there is one; `conflicts` are the draft's warnings.

    `obstacle` says why a boost or bury moved nothing, "" where it did or nobody knows.
    """

    now: Answer
    with_draft: Answer | None = None
    conflicts: tuple[str, ...] = ()
    obstacle: str = ""


def try_rule(ask: Ask, *, wording: Mapping[str, Any] | None = None) -> Trial:
    """Answer the request without and with the draft rule. Raises NotFound, InvalidInput; Unavailable before a load."""
    snapshot, ask = snapshot_refresher.current(), replace(ask, explores=False)
    now = answer(snapshot, ask)
    if wording is None:
        return Trial(now)
    rule = pure_rule(DRAFT, draft_version(wording=wording), rule_id=DRAFT_ID)
    with_rule = snapshot.with_rules([*snapshot.rules.rules, rule])
    texts = tuple(conflict.text for conflict in conflicts(with_rule.rules, of=DRAFT_ID))
    warnings = (*rule_warnings(rule, with_rule.rules, on_sale=with_rule.on_sale), *texts)
    with_draft = answer(with_rule, ask)
    moved = [item.product_id for item in with_draft.items] != [item.product_id for item in now.items]
    return Trial(now, with_draft, warnings, "" if moved else _obstacle(rule, ask, with_rule, snapshot))


def _obstacle(rule: Rule, ask: Ask, with_rule: Snapshot, snapshot: Snapshot) -> str:
    """Return why a boost or bury moved nothing in the answer: it only moves what is proposed, by its factor."""
    if rule.effect not in MOVING:
        return ""
    matched, codes = with_rule.rules.matched[DRAFT_ID], snapshot.serving_catalog.codes
    longest = answer(snapshot, replace(ask, limit=LONGEST))
    places = [item.position for item in longest.items if matched[codes[item.product_id]]]
    if not places:
        return (
            f"It matches {int(matched.sum()):,} products, and none is among the first {len(longest.items)} for this "
            "shopper. Boost and bury move what is proposed; a pin puts a product on its place."
        )
    size = ask.limit or snapshot.placements[ask.placement].size
    first, last = min(places), max(places)
    if rule.effect == "boost" and (place := ceil(first / rule.factor)) > size:
        return (
            f"The first product it matches is at place {first}. A factor of {rule.factor:g} moves it to about place "
            f"{place}, and this list ends at {size}."
        )
    if rule.effect == "boost" and places == list(range(1, len(places) + 1)):
        return "The products it matches are the first ones already."
    if rule.effect == "bury" and last == len(longest.items) and places == list(range(first, last + 1)):
        return "The products it matches are the last ones already."
    return ""

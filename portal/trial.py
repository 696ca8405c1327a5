"""A question tried out: answered as serving would, with its explanation, and without an exposure."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from personalization.rules.conflicts import conflicts, rule_warnings
from personalization.selectors.rules import pure_rule
from personalization.services.rules import draft_version
from personalization.serving.answers import Answer
from personalization.serving.asking import Ask
from personalization.serving.engine import answer
from personalization.serving.snapshot_refresher import snapshot_refresher

DRAFT: Final = "your draft"
DRAFT_ID: Final = sys.maxsize
"""Behind those of all saved rules: once saved, the draft is the youngest, and an older rule keeps its place."""


@dataclass(frozen=True, slots=True)
class Trial:
    """The answer now, and under the draft if there is one; `conflicts`: what it contradicts, what finds nothing."""

    now: Answer
    drafted: Answer | None = None
    conflicts: tuple[str, ...] = ()


def try_out(ask: Ask, *, wording: Mapping[str, Any] | None = None) -> Trial:
    """Answer the question, and again with one more rule. Raises NotFound, InvalidInput; Unavailable before a start."""
    snapshot, ask = snapshot_refresher.current(), replace(ask, explores=False)
    now = answer(snapshot, ask)
    if wording is None:
        return Trial(now)
    rule = pure_rule(DRAFT, draft_version(wording=wording), rule_id=DRAFT_ID)
    changed = snapshot.with_rules([*snapshot.rules.rules, rule])
    named = tuple(found.text for found in conflicts(changed.rules, of=DRAFT_ID))
    return Trial(now, answer(changed, ask), (*rule_warnings(rule, changed.rules, on_sale=changed.on_sale), *named))

"""Trial answers for the preview: as in serving, with explanation, without exposure."""

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
"""Higher than all saved ids: among rules of equal priority the draft comes last, as it would once saved."""


@dataclass(frozen=True, slots=True)
class Trial:
    """The answer now, and with the draft rule if there is one; `conflicts` are the draft's warnings."""

    now: Answer
    with_draft: Answer | None = None
    conflicts: tuple[str, ...] = ()


def try_rule(ask: Ask, *, wording: Mapping[str, Any] | None = None) -> Trial:
    """Answer the request without and with the draft rule. Raises NotFound, InvalidInput; Unavailable before a load."""
    snapshot, ask = snapshot_refresher.current(), replace(ask, explores=False)
    now = answer(snapshot, ask)
    if wording is None:
        return Trial(now)
    rule = pure_rule(DRAFT, draft_version(wording=wording), rule_id=DRAFT_ID)
    with_rule = snapshot.with_rules([*snapshot.rules.rules, rule])
    texts = tuple(conflict.text for conflict in conflicts(with_rule.rules, of=DRAFT_ID))
    return Trial(
        now, answer(with_rule, ask), (*rule_warnings(rule, with_rule.rules, on_sale=with_rule.on_sale), *texts)
    )

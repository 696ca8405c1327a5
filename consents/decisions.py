"""May we? One purpose, one person, one answer with its reason. Pure.

A person is one or several raw ids. A refusal on any of them holds for all, until one of them gives a yes that is
later than the refusal and later than the moment the two ids became one person: nobody is opted in by a login.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from consents.rules import PurposeTerms, RegionRule
from consents.state import GPC, ConsentState, Decision, latest

Reason = Literal["given", "refused", "not_asked", "not_objected", "essential", "gpc", "unknown_purpose"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether the purpose is allowed, on what basis, and the proof: the deciding event, or the region's rule.

    `at` is when the deciding event happened, in microseconds since the epoch.
    """

    allowed: bool
    basis: str
    reason: Reason
    event_id: str | None = None
    rule_id: str | None = None
    at: int | None = None


def decide(
    purpose: PurposeTerms | None,
    states: Mapping[str, ConsentState],
    *,
    rule: RegionRule,
    gpc: bool = False,
    linked_at: Mapping[str, int] | None = None,
) -> Verdict:
    """Return whether the purpose is allowed for the person with these raw ids.

    `gpc` is the signal on this very request; a remembered one is found in the states. `linked_at` gives, for each
    raw id, when it joined the person (absent: it was always part of it). An unknown purpose is never allowed.
    """
    if purpose is None:
        return Verdict(False, "none", "unknown_purpose")
    if purpose.essential:
        return Verdict(True, purpose.basis, "essential")
    held = _held_decision(purpose.name, states, linked_at or {})
    asks = rule.opt_in and purpose.by_consent
    if purpose.sale_or_share or asks:
        signal = _signal(states, live=gpc)
        if signal and (gpc or held is None or not held.given or held.at <= signal.at):
            return Verdict(False, purpose.basis, "gpc", signal.event_id or None, rule.id, signal.at or None)
    if held is not None:
        reason: Reason = "given" if held.given else "refused"
        return Verdict(held.given, purpose.basis, reason, held.event_id or None, rule.id, held.at)
    if asks:
        return Verdict(False, purpose.basis, "not_asked", rule_id=rule.id)
    return Verdict(True, "legitimate_interest", "not_objected", rule_id=rule.id)


def _held_decision(purpose: str, states: Mapping[str, ConsentState], linked_at: Mapping[str, int]) -> Decision | None:
    """Return the decision that holds for the whole person: the latest refusal that no yes overcame, else the latest."""
    found = [(raw_id, decision) for raw_id, state in states.items() if (decision := state.on(purpose))]
    if not found:
        return None
    standing = [
        refusal
        for raw_id, refusal in found
        if not refusal.given and not any(_overcomes(other, refusal, raw_id, linked_at) for other in found)
    ]
    return latest(standing or [decision for _, decision in found])


def _overcomes(other: tuple[str, Decision], refusal: Decision, raw_id: str, linked_at: Mapping[str, int]) -> bool:
    other_id, decision = other
    link = max(linked_at.get(raw_id, 0), linked_at.get(other_id, 0))
    return decision.given and decision.at > refusal.at and decision.at > link


def _signal(states: Mapping[str, ConsentState], *, live: bool) -> Decision | None:
    remembered = [signal for state in states.values() if (signal := state.on(GPC)) and signal.given]
    if remembered:
        return latest(remembered)
    return Decision(given=True, at=0) if live else None

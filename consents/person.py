"""May we? The person behind the raw ids of a request, and the verdict on one purpose with its reason. Pure.

A person is one or several raw ids. A refusal on any of them holds for all. It ends with a later yes of the same id, or
of an account, which somebody proved: a yes that is later than the moment the two ids became one person too, because
nobody is opted in by a login. A device alone ends no refusal but its own.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

import msgspec

from consents.rules import PurposeTerms, RegionRule
from consents.state import GPC, NOTHING_DECIDED, ConsentState, Decision, latest
from consents.subjects import is_user

MOST_LINKS = 50
"""How many linked ids of one person decide, the latest first."""
MOST_ACCOUNTS = 5
"""How many accounts of one person are followed to their other ids."""
OfPurposes = Mapping[str, Sequence[tuple[str, Decision]]]
"""The decisions on each purpose, with the raw ids that took them."""
Reason = Literal["given", "refused", "not_asked", "not_objected", "essential", "gpc", "unknown_purpose", "erased"]


class Verdict(msgspec.Struct, frozen=True):
    """Whether the purpose is allowed, on what basis, and the proof: the deciding event, or the region's rule.

    `at` is when the deciding event happened, in microseconds since the epoch.
    """

    allowed: bool
    basis: str
    reason: Reason
    event_id: str | None = None
    rule_id: str | None = None
    at: int | None = None


class ConsentPerson(msgspec.Struct, frozen=True):
    """The states that decide about a person, and when each id joined."""

    states: Mapping[str, ConsentState]
    linked_at: Mapping[str, int]

    def verdict(self, purpose: PurposeTerms | None, *, rule: RegionRule, gpc: bool = False) -> Verdict:
        """Return whether the purpose is allowed for this person."""
        return decide(purpose, self.states, rule=rule, gpc=gpc, linked_at=self.linked_at)

    def verdicts(
        self, purposes: Mapping[str, PurposeTerms], *, rule: RegionRule, gpc: bool = False
    ) -> dict[str, Verdict]:
        """Return the verdict on each of the purposes."""
        signal = _signal(self.states, live=gpc)
        decided = _decisions(self.states)
        return {
            name: _decide(purpose, decided, rule=rule, gpc=gpc, signal=signal, linked_at=self.linked_at)
            for name, purpose in purposes.items()
        }

    @property
    def epoch(self) -> int:
        """How often any of the person's ids changed its mind: part of every cache key."""
        return sum(state.epoch for state in self.states.values())

    def remembers(self, signal: str) -> bool:
        """Return whether any of the ids remembers the signal."""
        return any((known := state.on(signal)) is not None and known.given for state in self.states.values())

    @property
    def region(self) -> str | None:
        """Where the person was last seen, or None."""
        return next((state.region for state in self.states.values() if state.region), None)

    @property
    def decided(self) -> bool:
        """Whether any of the ids decided anything."""
        return any(state.decisions for state in self.states.values())


def person_of(raw_ids: Iterable[str], states: Mapping[str, ConsentState]) -> ConsentPerson:
    """Return the person of the given ids: they, the ids that each of them was linked to, and those of their account.

    The account of a device is the one linked last; those that were joined with it are followed too. Whoever else shares
    a device is somebody else: neither their account nor their other devices are followed.
    """
    own = list(raw_ids)
    named = any(map(is_user, own))
    linked_at: dict[str, int] = {}
    accounts: dict[str, int] = {}
    for raw_id in own:
        for other, at in newest_links(states.get(raw_id, NOTHING_DECIDED)):
            linked_at[other] = min(at, linked_at.get(other, at))
            if is_user(other) and other not in own and (is_user(raw_id) or not named):
                accounts[other] = at
    if not named and accounts:
        newest = max(accounts, key=lambda account: (accounts[account], account))
        accounts = {newest: accounts[newest]}
    waiting = list(accounts.items())
    while waiting:
        account, joined = waiting.pop(0)
        for other, at in newest_links(states.get(account, NOTHING_DECIDED)):
            if other in own:
                continue
            moment = max(joined, at)
            linked_at[other] = min(moment, linked_at.get(other, moment))
            if is_user(other) and other not in accounts and len(accounts) < MOST_ACCOUNTS:
                accounts[other] = moment
                waiting.append((other, moment))
    return ConsentPerson({raw_id: states.get(raw_id, NOTHING_DECIDED) for raw_id in [*own, *linked_at]}, linked_at)


def newest_links(state: ConsentState) -> list[tuple[str, int]]:
    """Return the ids linked to this one with their times, the latest first."""
    if len(state.links) < 2:
        return list(state.links.items())
    return sorted(state.links.items(), key=lambda link: (-link[1], link[0]))[:MOST_LINKS]


def decide(
    purpose: PurposeTerms | None,
    states: Mapping[str, ConsentState],
    *,
    rule: RegionRule,
    gpc: bool = False,
    linked_at: Mapping[str, int] | None = None,
) -> Verdict:
    """Return whether the purpose is allowed for the person with these raw ids.

    `gpc` is the signal on this very request; a remembered one stands in the states. `linked_at` gives, for each
    raw id, when it joined the person (absent: it was always part of it). An unknown purpose is never allowed.
    """
    if purpose is None:
        return Verdict(False, "none", "unknown_purpose")
    signal, decided = _signal(states, live=gpc), _decisions(states)
    return _decide(purpose, decided, rule=rule, gpc=gpc, signal=signal, linked_at=linked_at or {})


def _decisions(states: Mapping[str, ConsentState]) -> OfPurposes:
    """Return the decisions on each purpose, with the raw ids that took them."""
    decided: dict[str, list[tuple[str, Decision]]] = {}
    for raw_id, state in states.items():
        for purpose, one in state.decisions.items():
            decided.setdefault(purpose, []).append((raw_id, one))
    return decided


def _decide(
    purpose: PurposeTerms,
    decided: OfPurposes,
    *,
    rule: RegionRule,
    gpc: bool,
    signal: Decision | None,
    linked_at: Mapping[str, int],
) -> Verdict:
    if purpose.essential:
        return Verdict(True, purpose.basis, "essential")
    decisions = decided.get(purpose.name, ())
    standing = _standing_decision(decisions, linked_at)
    asks = rule.opt_in and purpose.by_consent
    concerned = purpose.sale_or_share or asks
    if signal and concerned and (gpc or standing is None or not standing.given or not _ends(signal, decisions)):
        return Verdict(False, purpose.basis, "gpc", signal.event_id or None, rule.id, signal.at or None)
    if standing is not None:
        reason: Reason = "given" if standing.given else "refused"
        return Verdict(standing.given, purpose.basis, reason, standing.event_id or None, rule.id, standing.at)
    if asks:
        return Verdict(False, purpose.basis, "not_asked", rule_id=rule.id)
    return Verdict(True, "legitimate_interest", "not_objected", rule_id=rule.id)


def _standing_decision(decisions: Sequence[tuple[str, Decision]], linked_at: Mapping[str, int]) -> Decision | None:
    """Return the decision that holds for the whole person: the latest refusal that no yes overcame, else the latest."""
    if len(decisions) < 2:
        return decisions[0][1] if decisions else None
    refusals = [
        refusal
        for raw_id, refusal in decisions
        if not refusal.given and not any(_overcomes(other, refusal, raw_id, linked_at) for other in decisions)
    ]
    return latest(refusals or [decision for _, decision in decisions])


def _overcomes(other: tuple[str, Decision], refusal: Decision, raw_id: str, linked_at: Mapping[str, int]) -> bool:
    other_id, decision = other
    link = max(linked_at.get(raw_id, 0), linked_at.get(other_id, 0))
    return decision.given and is_user(other_id) and decision.at > refusal.at and decision.at > link


def _ends(signal: Decision, decisions: Iterable[tuple[str, Decision]]) -> bool:
    """Return whether an account said yes after it sent the signal, which only accounts remember."""
    return any(one.given and one.at > signal.at for raw_id, one in decisions if is_user(raw_id))


def _signal(states: Mapping[str, ConsentState], *, live: bool) -> Decision | None:
    remembered = [signal for state in states.values() if (signal := state.decisions.get(GPC)) and signal.given]
    if remembered:
        return latest(remembered)
    return Decision(given=True, at=0) if live else None

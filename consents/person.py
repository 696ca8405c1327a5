"""From one raw id to the person: the states of all ids it was seen together with. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from consents.decisions import Verdict, decide
from consents.rules import PurposeTerms, RegionRule
from consents.state import NOTHING_DECIDED, ConsentState
from consents.subjects import is_user

MOST_LINKS = 50
"""How many linked ids of one person are asked, the latest first."""
MOST_ACCOUNTS = 5
"""How many accounts of one person are followed to their other ids."""


@dataclass(frozen=True, slots=True)
class ConsentPerson:
    """The states that decide about a person, and when each id joined."""

    states: Mapping[str, ConsentState]
    linked_at: Mapping[str, int]

    def verdict(self, purpose: PurposeTerms | None, *, rule: RegionRule, gpc: bool = False) -> Verdict:
        """Return whether the purpose is allowed for this person."""
        return decide(purpose, self.states, rule=rule, gpc=gpc, linked_at=self.linked_at)

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
        latest = max(accounts, key=lambda account: (accounts[account], account))
        accounts = {latest: accounts[latest]}
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
    found = {raw_id: states.get(raw_id, NOTHING_DECIDED) for raw_id in [*own, *linked_at]}
    return ConsentPerson(found, linked_at)


def newest_links(state: ConsentState) -> list[tuple[str, int]]:
    """Return the ids linked to this one with their times, the latest first."""
    return sorted(state.links.items(), key=lambda link: (-link[1], link[0]))[:MOST_LINKS]

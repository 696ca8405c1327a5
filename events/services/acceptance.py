"""Which events may be kept, and for what: the consent of each event's person, as the batch goes on.

Earlier items of a batch count for later ones. A decision holds for both ids of its event; a user id that a browser
did not prove (`user_hash`) may decide for the first time, but only its anonymous id may change its mind.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Final

import orjson

from consents import mirror
from consents.person import person_of
from consents.region import region_in
from consents.rules import PurposeTerms, normalize_region
from consents.selectors import rule_of
from consents.state import GPC, NOTHING_DECIDED, ConsentState, Decision
from consents.subjects import is_user, raw_ids
from events.intake.context import minimized, told_without_queries
from events.intake.items import Item
from events.log.base import Entry
from events.services.consent_events import consent_updated
from events.types.base import Event
from events.types.consent_updated import CONSENT_UPDATED
from events.types.registry import EVENT_TYPES, event_type

KEPT_FOR: Final = ("analytics", "personalization")
"""An event is kept where one of these is allowed, or the purpose of its own type."""
ESSENTIAL: Final = "essential"
"""The purpose, and the use of an event, that needs nobody's leave; it is not told among those allowed."""
Said = dict[str, Decision]


@dataclass(slots=True)
class Writes:
    """What a batch writes: links, then the log, then the mirror."""

    entries: list[Entry] = field(default_factory=list)
    decisions: dict[str, Said] = field(default_factory=dict)
    links: list[tuple[str, str, int]] = field(default_factory=list)
    regions: dict[str, str] = field(default_factory=dict)

    def queue_mirror(self, pipe: Any) -> bool:
        """Queue the mirror's decisions and regions; return whether there are any."""
        for raw_id, said in self.decisions.items():
            mirror.apply_all(pipe, raw_id, said)
        for raw_id, region in self.regions.items():
            mirror.seen_in(pipe, raw_id, region)
        return bool(self.decisions or self.regions)


class Acceptance:
    """Accepts the items of one request, in their order, as far as consent goes, and gathers what is to be written."""

    def __init__(
        self,
        states: Mapping[str, ConsentState],
        *,
        terms: Mapping[str, PurposeTerms],
        gpc: bool = False,
        region: str | None = None,
    ) -> None:
        self.writes = Writes()
        self._states = dict(states)
        self._terms = {name: purpose for name, purpose in terms.items() if name != ESSENTIAL}
        self._asked = {name for name, purpose in self._terms.items() if not purpose.essential}
        self._gpc, self._region = gpc, region
        self._remembered: dict[tuple[str, ...], tuple[tuple[str, ...], str]] = {}
        self._late: defaultdict[str, dict[str, bool]] = defaultdict(dict)
        """Of each raw id, what was told last of what came late, by purpose."""

    def take(self, item: Item, *, verified: bool = True) -> bool:
        """Put the item's entries among the writes; return whether the event itself is kept."""
        event = item.event
        ids = raw_ids(event.user_id, event.anonymous_id)
        region = region_in(item.context) or self._region
        before = {raw_id: self._state(raw_id) for raw_id in ids}
        links = self._link(ids, event)
        said: dict[str, Said] = {}
        told: dict[str, Said] = {}
        apart: dict[str, Said] = {}
        refused: set[str] = set()
        for raw_id in ids:
            heard = self._told(raw_id, item, verified=verified)
            refused |= {name for name, one in heard.items() if not one.given}
            known, late = self._state(raw_id), self._late[raw_id]
            changed = {
                name: one for name, one in heard.items() if one.changed_late(known.on(name), told=late.get(name))
            }
            # Once: what a device that was offline tells with each event must leave no trail of refusals.
            late |= {name: one.given for name, one in changed.items()}
            said[raw_id] = self._fresh(raw_id, heard)
            told[raw_id] = {**said[raw_id], **changed}
            apart[raw_id] = {**_changes(known, said[raw_id]), **changed}
        allowed, reason = self._allowed(ids, region)
        # What the event itself refuses is not allowed by a yes that was given later and came before.
        if not refused.isdisjoint(allowed):
            reason = "refused" if "analytics" in refused and "analytics" in allowed else reason
            allowed = tuple(name for name in allowed if name not in refused)
        kept = item.wanted and (is_essential(event) or _may_keep(event, allowed))
        if kept or any(self._state(raw_id).decisions for raw_id in ids):
            self._note_places(ids, links, region)
        else:
            # Of a shopper who decided nothing and may not be kept, not even the link is remembered.
            self._states.update(before)
        for raw_id, decisions in said.items():
            if decisions:
                self.writes.decisions.setdefault(raw_id, {}).update(decisions)
        carried = _shared(told) if kept else None
        if kept:
            self._keep(item, allowed, consents=carried or {}, region=region)
        else:
            self._count(event, reason if item.wanted else "not_for_us")
        if carried is None:
            answers = {raw_id: self._answers(raw_id, said[raw_id], before=before[raw_id]) for raw_id in ids}
            self._tell_apart(item, {raw_id: {**answers[raw_id], **apart[raw_id]} for raw_id in ids}, region)
        return kept

    def purposes_for(self, item: Item) -> tuple[str, ...] | None:
        """Return the purposes allowed for the person of an event of our own, or None where it may not name them."""
        event = item.event
        allowed, _ = self._allowed(raw_ids(event.user_id, event.anonymous_id), self._region)
        return allowed if is_essential(event) or _may_keep(event, allowed) else None

    def _state(self, raw_id: str) -> ConsentState:
        return self._states.get(raw_id, NOTHING_DECIDED)

    def _told(self, raw_id: str, item: Item, *, verified: bool) -> Said:
        """Return the decisions of the item that the raw id may take."""
        state, event = self._state(raw_id), item.event
        said = {
            name: Decision(given, event.at, event.message_id)
            for name, given in item.categories.items()
            if name in self._asked and isinstance(given, bool)
        }
        if is_user(raw_id):
            said = {name: one for name, one in said.items() if verified or state.on(name) in (None, one)}
            if self._gpc and verified and not _remembers_signal(state):
                said[GPC] = Decision(True, event.at, event.message_id)
        return said

    def _fresh(self, raw_id: str, said: Said) -> Said:
        """Return the decisions that hold for the raw id now, and remember them."""
        state = self._state(raw_id)
        fresh = {name: one for name, one in said.items() if one.beats(state.on(name)) or one == state.on(name)}
        if fresh:
            changes = len(_changes(state, fresh))
            self._states[raw_id] = replace(state, decisions={**state.decisions, **fresh}, epoch=state.epoch + changes)
            if changes or not self._agrees(raw_id):
                self._remembered.clear()
        return fresh

    def _agrees(self, raw_id: str) -> bool:
        """Return whether nobody among the id's person refuses anything: then a later yes alone changes no verdict."""
        person = person_of([raw_id], self._states)
        return all(
            one.given and name != GPC for state in person.states.values() for name, one in state.decisions.items()
        )

    def _answers(self, raw_id: str, said: Said, *, before: ConsentState) -> Said:
        """Return what the raw id says again after another id of the person said otherwise; of the signal, after a yes.

        It is no change of the id's mind, and one of the person's. Once told, it is the later of the two.
        """
        known = {name: was for name, one in said.items() if (was := before.on(name)) and was.given == one.given}
        if not known:
            return {}
        whom = person_of([raw_id], self._states)
        otherwise = {
            name: [
                max(one.at, whom.linked_at.get(other, 0))
                for other, state in whom.states.items()
                if (one := state.on(name)) and one.given != was.given
            ]
            for name, was in known.items()
        }
        if GPC in known:
            otherwise[GPC] = [one.at for name, one in before.decisions.items() if one.given and name != GPC]
        return {
            name: said[name]
            for name, was in known.items()
            if any(was.at <= at < said[name].at for at in otherwise[name])
        }

    def _link(self, ids: list[str], event: Event) -> list[tuple[str, str, int]]:
        """Return the links that are new with this event, and remember them."""
        found = []
        for other in [*ids[1:], *raw_ids(event.previous_id, event.previous_id)]:
            known, unknown = self._state(ids[0]), self._state(other)
            joined = known.with_link(other, event.at)
            if joined is not known and other != ids[0]:
                self._states[ids[0]], self._states[other] = joined, unknown.with_link(ids[0], event.at)
                found.append((ids[0], other, event.at))
        if found:
            self._remembered.clear()
        return found

    def _allowed(self, ids: list[str], region: str | None) -> tuple[tuple[str, ...], str]:
        """Return the purposes allowed for the person of the ids, and why analytics is or is not."""
        place = (*ids, region or "")
        if place not in self._remembered:
            whom = person_of(ids, self._states)
            rule = rule_of(region or whom.region)
            verdicts = {name: whom.verdict(purpose, rule=rule, gpc=self._gpc) for name, purpose in self._terms.items()}
            allowed = tuple(sorted(name for name, verdict in verdicts.items() if verdict.allowed))
            self._remembered[place] = allowed, verdicts["analytics"].reason
        return self._remembered[place]

    def _note_places(self, ids: list[str], links: list[tuple[str, str, int]], region: str | None) -> None:
        self.writes.links += links
        for raw_id in ids:
            state = self._state(raw_id)
            if region and state.region != region:
                self._states[raw_id] = replace(state, region=region)
                self.writes.regions[raw_id] = region

    def _keep(self, item: Item, allowed: tuple[str, ...], *, consents: dict[str, bool], region: str | None) -> None:
        context = minimized(item.context, region=region, policy_version=_policy(item))
        properties = told_without_queries(item.event.properties)
        event = replace(item.event, properties=properties, context=context, consents=consents, allowed=allowed)
        self.writes.entries.append(Entry("event", event.raw_id, event.encode()))

    def _count(self, event: Event, reason: str) -> None:
        """Count the event without ids. A name of the shop's own may name a person: it is counted as custom.

        Counts have no order: they are spread over the shards, by what is written nowhere. By their few names, one shard
        would fill up alone.
        """
        name = event.name if event.name in EVENT_TYPES else "custom" if event.kind == "track" else event.kind
        day = datetime.fromtimestamp(event.received_at / 1e6, UTC).date().isoformat()
        body = orjson.dumps({"name": name, "day": day, "reason": reason})
        self.writes.entries.append(Entry("counted", event.message_id, body))

    def _tell_apart(self, item: Item, said: Mapping[str, Said], region: str | None) -> None:
        """Write decisions that their event cannot carry, for it is not kept, or its ids decided unlike.

        Changes of mind alone, of the id's or of the person's, of now or of a time that is over: what a shopper who
        refuses does next must leave no trail of repeated refusals.
        """
        event = item.event
        for raw_id, decisions in said.items():
            if decisions:
                told = consent_updated(
                    raw_id,
                    {name: one.given for name, one in decisions.items()},
                    message_id=f"{event.message_id}#{raw_id.partition(':')[0]}",
                    at=event.at,
                    received_at=event.received_at,
                    context=minimized({}, region=normalize_region(region), policy_version=_policy(item)),
                    source=event.source,
                )
                self.writes.entries.append(Entry("event", told.raw_id, told.encode()))


def is_essential(event: Event) -> bool:
    """Return whether the event is kept whatever the shopper allows: an order is a contract."""
    return event.kind == "track" and event_type(event.name).purpose == ESSENTIAL and event.name != CONSENT_UPDATED.name


def _may_keep(event: Event, allowed: Iterable[str]) -> bool:
    own = event_type(event.name).purpose if event.kind == "track" else "analytics"
    return any(purpose in allowed for purpose in (*KEPT_FOR, own))


def _remembers_signal(state: ConsentState) -> bool:
    signal = state.on(GPC)
    return signal is not None and signal.given and all(one.at <= signal.at for one in state.decisions.values())


def _changes(before: ConsentState, said: Said) -> Said:
    return {name: one for name, one in said.items() if (known := before.on(name)) is None or known.given != one.given}


def _shared(said: Mapping[str, Said]) -> dict[str, bool] | None:
    """Return what all ids decided alike, or None where they did not."""
    first, *others = said.values()
    return {name: one.given for name, one in first.items()} if all(other == first for other in others) else None


def _policy(item: Item) -> str:
    consent = item.context.get("consent")
    version = consent.get("policy_version") if isinstance(consent, dict) else None
    return str(version)[:40] if isinstance(version, (str, int)) else ""

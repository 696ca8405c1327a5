"""What one event allows and changes: from consent states and rules to a verdict with its writes. Pure.

The events room turns the verdict into log entries. An earlier event of a request counts for a later one once its
`states` stand among those that the later one is judged by.
"""

from collections import ChainMap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, NamedTuple

from consents.person import ConsentPerson, Reason, person_of
from consents.rules import ConsentRules
from consents.state import GPC, NOTHING_DECIDED, ConsentState, Decision
from consents.subjects import is_user, kind_of

ANALYTICS: Final = "analytics"
KEPT_FOR: Final = (ANALYTICS, "personalization")
"""An event is kept where one of these is allowed, or the purpose of its own type."""
ESSENTIAL: Final = "essential"
"""The purpose, and the use of an event, that needs no consent; it does not stand among those allowed."""
Decisions = Mapping[str, Decision]
States = Mapping[str, ConsentState]


class Link(NamedTuple):
    """Two raw ids that were seen together. `at` in microseconds since the epoch."""

    raw_id: str
    other: str
    at: int


@dataclass(frozen=True, slots=True)
class EventConsent:
    """What consent must know of one event. `at` in microseconds since the epoch.

    `raw_ids` hold the user first, `previous_ids` what an alias joins to it. `choices` are the yes or no by purpose that
    came with the event. `verified` says whether the sender may speak for the user. `gpc` and `region` are the
    request's. `uses` are purposes: the event is kept where one of them is allowed, or is essential.
    """

    message_id: str
    at: int
    raw_ids: Sequence[str]
    previous_ids: Sequence[str] = ()
    choices: Mapping[str, bool] = field(default_factory=dict)
    verified: bool = True
    gpc: bool = False
    region: str | None = None
    uses: Sequence[str] = KEPT_FOR


@dataclass(frozen=True, slots=True)
class Notice:
    """Decisions of one raw id that the log holds as an event of their own, `Consent Updated`."""

    message_id: str
    raw_id: str
    at: int
    choices: Mapping[str, bool]

    @property
    def decisions(self) -> dict[str, Decision]:
        """The same as decisions that the notice proves."""
        return {name: Decision(given, self.at, self.message_id) for name, given in self.choices.items()}


@dataclass(frozen=True, slots=True)
class EventVerdict:
    """Whether the event is kept and for which purposes, and what is to be written.

    `reason` says why analytics is allowed or not. `carried` are the decisions that stand on the kept event itself,
    `notices` those that it cannot carry. `cached`, `links` and `regions` go to the consent cache. `states` are those
    that differ after the event.
    """

    kept: bool
    allowed: tuple[str, ...]
    reason: Reason
    carried: Mapping[str, bool] = field(default_factory=dict)
    notices: tuple[Notice, ...] = ()
    cached: Mapping[str, Decisions] = field(default_factory=dict)
    links: tuple[Link, ...] = ()
    regions: Mapping[str, str] = field(default_factory=dict)
    states: States = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _IdChange:
    """What the event changes of one raw id: `fresh` decisions hold now, `late` ones hold no more, but did."""

    raw_id: str
    before: ConsentState
    after: ConsentState
    fresh: Decisions
    late: Decisions

    @property
    def written(self) -> dict[str, bool]:
        """What a kept event carries of them."""
        return {name: one.given for name, one in {**self.fresh, **self.late}.items()}

    @property
    def changed(self) -> dict[str, bool]:
        """Those that change the mind of the id, of now or of their time."""
        fresh = {name: one for name, one in self.fresh.items() if one.changes(self.before.on(name))}
        return {name: one.given for name, one in {**fresh, **self.late}.items()}


def judge(event: EventConsent, states: States, rules: ConsentRules) -> EventVerdict:
    """Return whether the event may be kept and for what, and all that it changes.

    A decision holds for all ids of its event. A user id that a browser did not prove may decide for the first time,
    but only its anonymous id may change its mind.
    """
    changed: dict[str, ConsentState] = {}
    after = ChainMap(changed, states)  # type: ignore[arg-type]  # what lies beneath is never written
    links = _new_links(event, states)
    for raw_id, other, at in links:
        after[raw_id] = after.get(raw_id, NOTHING_DECIDED).with_link(other, at)
        after[other] = after.get(other, NOTHING_DECIDED).with_link(raw_id, at)
    choices = _choices(event, rules)
    changes = [_change(event, raw_id, after.get(raw_id, NOTHING_DECIDED), choices) for raw_id in event.raw_ids]
    after |= {one.raw_id: one.after for one in changes if one.after is not one.before}
    person = person_of(event.raw_ids, after)
    allowed, reason = allowed_purposes(person, rules, region=event.region, gpc=event.gpc)
    # What the event itself refuses is not allowed by a yes that was given later and came before.
    refused = {purpose for purpose, one in choices.items() if not one.given}
    if ANALYTICS in refused and ANALYTICS in allowed:
        reason = "refused"
    allowed = tuple(purpose for purpose in allowed if purpose not in refused)
    kept = may_keep(event.uses, allowed)
    if not kept and not person.decided:
        # Of a shopper who decided nothing and may not be kept, not even the link is remembered.
        return EventVerdict(False, allowed, reason)
    carried = _carried(changes) if kept else None
    apart = [] if carried is not None else [_apart(event, one, states, after) for one in changes]
    written = {one.raw_id: carried or {} for one in changes} | {one.raw_id: one.choices for one in apart}
    repeats = _repeats(event, written, person, linked=bool(links))
    for notice in repeats:
        after[notice.raw_id] = after[notice.raw_id].with_decisions(notice.decisions)
    regions: dict[str, str] = {}
    for raw_id in event.raw_ids:
        state = after.get(raw_id, NOTHING_DECIDED)
        if event.region and event.region != state.region:
            regions[raw_id] = event.region
            after[raw_id] = replace(state, region=event.region)
    return EventVerdict(
        kept,
        allowed,
        reason,
        carried=carried or {},
        notices=tuple(notice for notice in [*apart, *repeats] if notice.choices),
        cached=_cached(changes, repeats),
        links=links,
        regions=regions,
        states=changed,
    )


def allowed_purposes(
    person: ConsentPerson, rules: ConsentRules, *, region: str | None, gpc: bool
) -> tuple[tuple[str, ...], Reason]:
    """Return the purposes that are allowed for the person, sorted, and why analytics is allowed or not."""
    rule = rules.rule_of(region or person.region)
    verdicts = {name: person.verdict(purpose, rule=rule, gpc=gpc) for name, purpose in rules.purposes.items()}
    return tuple(sorted(name for name, one in verdicts.items() if one.allowed)), verdicts[ANALYTICS].reason


def may_keep(uses: Iterable[str], allowed: Sequence[str]) -> bool:
    """Return whether an event with these uses is kept where those purposes are allowed."""
    return any(use in allowed or use == ESSENTIAL for use in uses)


def _new_links(event: EventConsent, states: States) -> tuple[Link, ...]:
    """Return the links that nobody knew, or knew from a later time only."""
    first, *others = event.raw_ids
    known = states.get(first, NOTHING_DECIDED).links
    new = [other for other in dict.fromkeys([*others, *event.previous_ids]) if other != first]
    return tuple(Link(first, other, event.at) for other in new if known.get(other, event.at + 1) > event.at)


def _choices(event: EventConsent, rules: ConsentRules) -> Decisions:
    """Return the event's decisions on purposes that need one."""
    return {
        name: Decision(given, event.at, event.message_id)
        for name, given in event.choices.items()
        if (purpose := rules.purposes.get(name)) is not None and not purpose.essential
    }


def _change(event: EventConsent, raw_id: str, state: ConsentState, choices: Decisions) -> _IdChange:
    if is_user(raw_id):
        choices = {name: one for name, one in choices.items() if event.verified or state.on(name) in (None, one)}
        if event.gpc and event.verified and not _signal_stands(state, choices):
            choices = {**choices, GPC: Decision(True, event.at, event.message_id)}
    fresh: dict[str, Decision] = {}
    late: dict[str, Decision] = {}
    for name, one in choices.items():
        known = state.on(name)
        if one.beats(known) or one == known:
            fresh[name] = one
        elif one.changed_late(known, recorded=state.late_choices.get(name)):
            late[name] = one
    after = state.with_decisions(fresh)
    if late:
        after = replace(after, late_choices={**state.late_choices, **{name: one.given for name, one in late.items()}})
    return _IdChange(raw_id, state, after, fresh, late)


def _signal_stands(state: ConsentState, choices: Decisions) -> bool:
    """Return whether the id remembers the signal, and nothing was decided since, not even with this event."""
    signal = state.on(GPC)
    decisions = [*state.decisions.values(), *choices.values()]
    return signal is not None and signal.given and all(one.at <= signal.at for one in decisions)


def _carried(changes: Sequence[_IdChange]) -> Mapping[str, bool] | None:
    """Return what all ids decided alike, which the event itself carries, or None where they did not."""
    first, *others = (one.written for one in changes)
    return first if all(other == first for other in others) else None


def _apart(event: EventConsent, change: _IdChange, before: States, after: States) -> Notice:
    """Return the decisions of one id that their event cannot carry, for it is not kept, or its ids decided unlike.

    Changes of mind alone, of the id's or of the person's, of now or of a time that is over: what a shopper who
    refuses does next must leave no trail of repeated refusals.
    """
    repeated = {name: one for name, one in change.fresh.items() if not one.changes(change.before.on(name))}
    choices = _answers(change, repeated, before, after) if repeated else {}
    return Notice(
        f"{event.message_id}#{kind_of(change.raw_id)}", change.raw_id, event.at, {**choices, **change.changed}
    )


def _answers(change: _IdChange, repeated: Decisions, before: States, after: States) -> dict[str, bool]:
    """Return what the id says again after the person said otherwise.

    It is no change of the id's mind, and one of the person's. Once written, it is the later of the two.
    """
    person = person_of([change.raw_id], after)
    earlier = {raw_id: before.get(raw_id, NOTHING_DECIDED) for raw_id in person.states}
    return {
        name: now.given
        for name, now in repeated.items()
        # A signal stands against each yes of its own event: only those of before have ended the known one.
        if _was_opposed(
            name, change.before.decisions[name], now, replace(person, states=earlier) if name == GPC else person
        )
    }


def _was_opposed(name: str, was: Decision, now: Decision, person: ConsentPerson) -> bool:
    """Return whether another decision of the person overcame the known one before it was repeated."""
    opposing = [
        one.at
        for state in person.states.values()
        for purpose, one in state.decisions.items()
        if _oppose(name, was.given, purpose, one.given)
    ]
    if not was.given or name == GPC:
        return any(was.at < at <= now.at for at in opposing)
    # A yes must be later than the refusal, and later than each link.
    since = [*opposing, *(max(at, link) for at in opposing for link in person.linked_at.values())]
    return any(was.at <= at < now.at for at in since)


def _oppose(name: str, given: bool, other: str, other_given: bool) -> bool:
    """Return whether two decisions oppose each other: a yes and a no on one purpose, the privacy signal and any yes."""
    return given != other_given if name == other else given and other_given and GPC in (name, other)


def _repeats(
    event: EventConsent, written: Mapping[str, Mapping[str, bool]], person: ConsentPerson, *, linked: bool
) -> list[Notice]:
    """Return decisions of the person that stand against what the event writes, by raw id, or against each other.

    The log may hold them from an earlier time only: in a replay, what the event writes would overcome them. A new link
    can do the same to what was decided since its time.
    """
    choices = {choice for by_id in written.values() for choice in by_id.items()}
    if linked:
        choices |= {(name, one.given) for state in person.states.values() for name, one in state.decisions.items()}
    return [
        Notice(message_id, raw_id, one.at, {purpose: one.given})
        for raw_id, state in person.states.items()
        for purpose, one in state.decisions.items()
        if one.at > event.at or (one.at == event.at and (purpose == GPC or not one.given))
        if purpose not in written.get(raw_id, {}) or one.event_id != event.message_id
        if any(_oppose(name, given, purpose, one.given) for name, given in choices)
        if (message_id := _repeated_id(one, raw_id, purpose)) != one.event_id
    ]


def _repeated_id(decision: Decision, raw_id: str, purpose: str) -> str:
    """Return the id of the notice that repeats the decision: its own where it is known from that notice."""
    suffix = f"#{kind_of(raw_id)}-{purpose}"
    return decision.event_id if decision.event_id.endswith(suffix) else decision.event_id + suffix


def _cached(changes: Iterable[_IdChange], repeats: Iterable[Notice]) -> dict[str, Decisions]:
    """Return the decisions that the cache takes, by raw id. A repeated one is remembered by its notice."""
    cached = {one.raw_id: one.fresh for one in changes if one.fresh}
    for notice in repeats:
        cached[notice.raw_id] = {**cached.get(notice.raw_id, {}), **notice.decisions}
    return cached

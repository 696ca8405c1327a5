"""What one event allows and changes: from consent states and rules to a verdict with its writes. Pure.

The events room turns the verdict into log entries. An earlier event of a request counts for a later one once its
`states` stand among those that the later one is judged by.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, NamedTuple

import msgspec

from consents.notices import Decisions, IdChange, Notice, States, notice_of, repeated
from consents.person import ConsentPerson, Reason, person_of
from consents.rules import ConsentRules
from consents.state import GPC, NOTHING_DECIDED, ConsentState, Decision
from consents.subjects import is_user

ANALYTICS: Final = "analytics"
KEPT_FOR: Final = (ANALYTICS, "personalization")
"""An event is kept where one of these is allowed, or the purpose of its own type."""
ESSENTIAL: Final = "essential"
"""The purpose, and the use of an event, that needs no consent; it does not stand among those allowed."""


class Link(NamedTuple):
    """Two raw ids that were seen together. `at` in microseconds since the epoch."""

    raw_id: str
    other: str
    at: int


class EventConsent(msgspec.Struct, frozen=True):
    """What consent must know of one event. `at` in microseconds since the epoch.

    `raw_ids` hold the user first, `previous_ids` what an alias joins to it. `choices` are the yes or no by consent key
    that came with the event. `gpc` and `region` are the request's. `uses` are purposes: the event is kept where one of
    them is allowed, or is essential. A user stands here only where the sender proves it.
    """

    message_id: str
    at: int
    raw_ids: Sequence[str]
    previous_ids: Sequence[str] = ()
    choices: Mapping[str, bool] = msgspec.field(default_factory=dict)
    gpc: bool = False
    region: str | None = None
    uses: Sequence[str] = KEPT_FOR


class EventVerdict(msgspec.Struct, frozen=True):
    """Whether the event is kept and for which purposes, and what is to be written.

    `waits` says that a yes may still come: analytics needs one, and none of the ids decided anything yet. `reason` says
    why analytics is allowed or not. `carried` are the decisions that stand on the kept event itself,
    `notices` those that it cannot carry. `cached`, `links` and `regions` go to the consent cache. `states` are those
    that differ after the event.
    """

    kept: bool
    allowed: tuple[str, ...]
    reason: Reason
    waits: bool = False
    carried: Mapping[str, bool] = msgspec.field(default_factory=dict)
    notices: tuple[Notice, ...] = ()
    cached: Mapping[str, Decisions] = msgspec.field(default_factory=dict)
    links: tuple[Link, ...] = ()
    regions: Mapping[str, str] = msgspec.field(default_factory=dict)
    states: States = msgspec.field(default_factory=dict)


class _After(dict[str, ConsentState]):
    """The states that an event changes, above those before it: a ChainMap's reads take a tenth of a verdict's time."""

    def __init__(self, before: States) -> None:
        super().__init__()
        self._before = before

    def __missing__(self, raw_id: str) -> ConsentState:
        return self._before[raw_id]

    def get(self, raw_id: str, default: Any = None) -> Any:
        return self[raw_id] if raw_id in self else self._before.get(raw_id, default)


def judge(event: EventConsent, states: States, rules: ConsentRules) -> EventVerdict:
    """Return whether the event may be kept and for what, and all that it changes.

    A decision holds for all ids of its event.
    """
    if is_suppressed(event, states):
        return EventVerdict(False, (), "erased")
    links = _new_links(event, states)
    if not links and not event.choices and not event.gpc and not event.region:
        return _of_nothing_new(event, states, rules)
    after = _After(states)
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
        return EventVerdict(False, allowed, reason, waits=reason == "not_asked" and bool(event.uses))
    carried = _carried(changes) if kept else None
    notices = (
        [] if carried is not None else [notice_of(event.message_id, event.at, one, states, after) for one in changes]
    )
    written = {one.raw_id: carried or {} for one in changes} | {one.raw_id: one.choices for one in notices}
    repeats = repeated(event.message_id, event.at, written, person, linked=bool(links))
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
        notices=tuple(notice for notice in [*notices, *repeats] if notice.choices),
        cached=_cached(changes, repeats),
        links=links,
        regions=regions,
        states=dict(after),
    )


def is_suppressed(event: EventConsent, states: States) -> bool:
    """Return whether the event belongs to an erased shopper, or joins one by an alias.

    An event belongs to its first id: another account on a device of the erased shopper is somebody else.
    """
    ids = [*event.raw_ids[:1], *event.previous_ids]
    return any(states.get(raw_id, NOTHING_DECIDED).suppresses(event.at) for raw_id in ids)


def _of_nothing_new(event: EventConsent, states: States, rules: ConsentRules) -> EventVerdict:
    """Return the verdict on an event that decides and links nothing, and so changes nothing: most events are so."""
    person = person_of(event.raw_ids, states)
    allowed, reason = allowed_purposes(person, rules, region=None, gpc=False)
    if may_keep(event.uses, allowed):
        return EventVerdict(True, allowed, reason)
    waits = not person.decided and reason == "not_asked" and bool(event.uses)
    return EventVerdict(False, allowed, reason, waits=waits)


def allowed_purposes(
    person: ConsentPerson, rules: ConsentRules, *, region: str | None, gpc: bool
) -> tuple[tuple[str, ...], Reason]:
    """Return the purposes that are allowed for the person, sorted, and why analytics is allowed or not."""
    rule = rules.rule_of(region or person.region)
    verdicts = person.verdicts(rules.purposes, rule=rule, gpc=gpc)
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
    """Return the event's decisions on purposes that need one. Of several keys for one purpose a refusal holds."""
    choices: dict[str, bool] = {}
    for key, given in event.choices.items():
        purpose = rules.purposes.get(rules.purpose_of(key) or "")
        if purpose is not None and not purpose.essential:
            choices[purpose.name] = given and choices.get(purpose.name, True)
    return {name: Decision(given, event.at, event.message_id) for name, given in choices.items()}


def _change(event: EventConsent, raw_id: str, state: ConsentState, choices: Decisions) -> IdChange:
    if is_user(raw_id) and event.gpc and not _signal_stands(state, choices):
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
    return IdChange(raw_id, state, after, fresh, late)


def _signal_stands(state: ConsentState, choices: Decisions) -> bool:
    """Return whether the id remembers the signal, and nothing was decided since, not even with this event."""
    signal = state.on(GPC)
    decisions = [*state.decisions.values(), *choices.values()]
    return signal is not None and signal.given and all(one.at <= signal.at for one in decisions)


def _carried(changes: Sequence[IdChange]) -> Mapping[str, bool] | None:
    """Return what all ids decided alike, which the event itself carries, or None where they did not."""
    first, *others = (one.written for one in changes)
    return first if all(other == first for other in others) else None


def _cached(changes: Iterable[IdChange], repeats: Iterable[Notice]) -> dict[str, Decisions]:
    """Return the decisions that the cache takes, by raw id. A repeated one is remembered by its notice."""
    cached = {one.raw_id: one.fresh for one in changes if one.fresh}
    for notice in repeats:
        cached[notice.raw_id] = {**cached.get(notice.raw_id, {}), **notice.decisions}
    return cached

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
    decisions: Mapping[str, bool]


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
    links = _new_links(event, states)
    linked = _with_links(links, states)
    choices = _choices(event, rules)
    changes = [_change(event, raw_id, linked.get(raw_id, NOTHING_DECIDED), choices) for raw_id in event.raw_ids]
    after = linked.new_child({one.raw_id: one.after for one in changes})
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
    return EventVerdict(
        kept,
        allowed,
        reason,
        carried=carried or {},
        notices=() if carried is not None else _notices(event, changes, after),
        cached={one.raw_id: one.fresh for one in changes if one.fresh},
        links=links,
        regions=(regions := _regions(event, after)),
        states=_changed_states(after, regions),
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


def _with_links(links: Iterable[Link], states: States) -> ChainMap[str, ConsentState]:
    changed: dict[str, ConsentState] = {}
    after = ChainMap(changed, states)  # type: ignore[arg-type]  # the states beneath are never written
    for raw_id, other, at in links:
        for one, to in ((raw_id, other), (other, raw_id)):
            changed[one] = after.get(one, NOTHING_DECIDED).with_link(to, at)
    return after


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
        if event.gpc and event.verified and not _remembers_signal(state):
            choices = {**choices, GPC: Decision(True, event.at, event.message_id)}
    fresh = {name: one for name, one in choices.items() if one == state.on(name) or one.beats(state.on(name))}
    late = {
        name: one
        for name, one in choices.items()
        if one.changed_late(state.on(name), recorded=state.late_choices.get(name))
    }
    after = state.with_decisions(fresh)
    if late:
        after = replace(after, late_choices={**state.late_choices, **{name: one.given for name, one in late.items()}})
    return _IdChange(raw_id, state, after, fresh, late)


def _remembers_signal(state: ConsentState) -> bool:
    """Return whether the id remembers the signal, and decided nothing since."""
    signal = state.on(GPC)
    return signal is not None and signal.given and all(one.at <= signal.at for one in state.decisions.values())


def _carried(changes: Sequence[_IdChange]) -> Mapping[str, bool] | None:
    """Return what all ids decided alike, which the event itself carries, or None where they did not."""
    first, *others = (one.written for one in changes)
    return first if all(other == first for other in others) else None


def _notices(event: EventConsent, changes: Sequence[_IdChange], after: States) -> tuple[Notice, ...]:
    """Return the decisions that their event cannot carry, for it is not kept, or its ids decided unlike.

    Changes of mind alone, of the id's or of the person's, of now or of a time that is over: what a shopper who
    refuses does next must leave no trail of repeated refusals.
    """
    decisions = {one.raw_id: {**_answers(one, after), **one.changed} for one in changes}
    return tuple(
        Notice(f"{event.message_id}#{kind_of(raw_id)}", raw_id, event.at, given)
        for raw_id, given in decisions.items()
        if given
    )


def _answers(change: _IdChange, after: States) -> dict[str, bool]:
    """Return what the id says again after another id of the person said otherwise; of the signal, after a yes.

    It is no change of the id's mind, and one of the person's. Once written, it is the later of the two.
    """
    known = {
        name: was
        for name, one in change.fresh.items()
        if (was := change.before.on(name)) is not None and was.given == one.given
    }
    if not known:
        return {}
    person = person_of([change.raw_id], after)
    opposite_at = {
        name: [
            max(one.at, person.linked_at.get(other, 0))
            for other, state in person.states.items()
            if (one := state.on(name)) is not None and one.given != was.given
        ]
        for name, was in known.items()
    }
    if GPC in known:
        opposite_at[GPC] = [one.at for name, one in change.before.decisions.items() if one.given and name != GPC]
    return {
        name: was.given
        for name, was in known.items()
        if any(was.at <= at < change.fresh[name].at for at in opposite_at[name])
    }


def _regions(event: EventConsent, after: States) -> dict[str, str]:
    region = event.region
    return {raw_id: region for raw_id in event.raw_ids if region and after[raw_id].region != region}


def _changed_states(after: ChainMap[str, ConsentState], regions: Mapping[str, str]) -> States:
    *layers, _ = after.maps
    changed = {raw_id: state for layer in reversed(layers) for raw_id, state in layer.items()}
    return changed | {raw_id: replace(changed[raw_id], region=region) for raw_id, region in regions.items()}

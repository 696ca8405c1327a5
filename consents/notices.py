"""Which decisions the log holds as events of their own, so that a replay decides as the consent cache does. Pure."""

from collections.abc import Iterable, Mapping

import msgspec
from msgspec.structs import replace

from consents.person import ConsentPerson, person_of
from consents.state import GPC, NOTHING_DECIDED, ConsentState, Decision
from consents.subjects import kind_of

Decisions = Mapping[str, Decision]
States = Mapping[str, ConsentState]


class Notice(msgspec.Struct, frozen=True):
    """Decisions of one raw id that the log holds as an event of their own, `Consent Updated`.

    `repeated` says that they came with an earlier event, so that nothing else of this event belongs to them.
    """

    message_id: str
    raw_id: str
    at: int
    choices: Mapping[str, bool]
    repeated: bool = False

    @property
    def decisions(self) -> dict[str, Decision]:
        """The same as decisions that the notice proves."""
        return {name: Decision(given, self.at, self.message_id) for name, given in self.choices.items()}


class IdChange(msgspec.Struct, frozen=True):
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


def notice_of(message_id: str, at: int, change: IdChange, before: States, after: States) -> Notice:
    """Return the decisions of one id that their event cannot carry, for it is not kept, or its ids decided unlike.

    Changes of mind alone, of the id's or of the person's, of now or of a time that is over: what a shopper who
    refuses does next must leave no trail of repeated refusals.
    """
    repeated = {name: one for name, one in change.fresh.items() if not one.changes(change.before.on(name))}
    choices = _answers(change, repeated, before, after) if repeated else {}
    return Notice(f"{message_id}#{kind_of(change.raw_id)}", change.raw_id, at, {**choices, **change.changed})


def _answers(change: IdChange, repeated: Decisions, before: States, after: States) -> dict[str, bool]:
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


def repeated(
    message_id: str, at: int, written: Mapping[str, Mapping[str, bool]], person: ConsentPerson, *, linked: bool
) -> list[Notice]:
    """Return decisions of the person that stand against what the event writes, by raw id, or against each other.

    The log may hold them from an earlier time only: in a replay, what the event writes would overcome them. A new link
    can do the same to what was decided since its time.
    """
    choices = {choice for by_id in written.values() for choice in by_id.items()}
    if linked:
        choices |= {(name, one.given) for state in person.states.values() for name, one in state.decisions.items()}
    waiting = [
        Notice(notice_id, raw_id, one.at, {purpose: one.given}, repeated=one.event_id != message_id)
        for raw_id, state in person.states.items()
        for purpose, one in state.decisions.items()
        if one.at > at or (one.at == at and (purpose == GPC or not one.given))
        if purpose not in written.get(raw_id, {}) or one.event_id != message_id
        if (notice_id := _repeated_id(one, raw_id, purpose)) != one.event_id
    ]
    notices: list[Notice] = []
    # What is repeated is written too: a yes may overcome the privacy signal that came with it.
    while opposing := [one for one in waiting if _opposes(one, choices)]:
        notices += opposing
        waiting = [one for one in waiting if one not in opposing]
        choices = {choice for one in opposing for choice in one.choices.items()}
    return notices


def _opposes(notice: Notice, choices: Iterable[tuple[str, bool]]) -> bool:
    return any(_oppose(name, given, purpose, one) for name, given in choices for purpose, one in notice.choices.items())


def _repeated_id(decision: Decision, raw_id: str, purpose: str) -> str:
    """Return the id of the notice that repeats the decision: its own where it is known from that notice."""
    suffix = f"#{kind_of(raw_id)}-{purpose}"
    return decision.event_id if decision.event_id.endswith(suffix) else decision.event_id + suffix
